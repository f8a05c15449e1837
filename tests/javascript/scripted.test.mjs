// OpenAI's client for JavaScript against models that say what was written for them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { startScripted } from "./servers.mjs";

const messages = [{ role: "user", content: "Hello" }];
const Weather = z.object({ place: z.string(), degrees: z.number() });
const Place = z.object({ place: z.string() });
const parameters = { type: "object", properties: { place: { type: "string" } } };
const weather = { type: "function", function: { name: "weather", parameters } };

let server;
let client;

before(async () => {
  server = await startScripted();
  client = server.connect();
});
after(() => server.close());

test("a stream is put together, with its usage", async () => {
  const stream = client.chat.completions.stream({
    model: "polite",
    messages,
    stream_options: { include_usage: true },
  });
  const parts = [];
  stream.on("content", (delta) => parts.push(delta));
  assert.equal(await stream.finalContent(), "Good morning to you.");
  assert.equal(parts.length, 4);
  const { usage } = await stream.finalChatCompletion();
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.total_tokens], [1, 4, 5]);
});

test("thoughts come before the answer and apart from it", async () => {
  const stream = await client.chat.completions.create({ model: "thinker", messages, stream: true });
  const found = { reasoning_content: "", content: "" };
  for await (const { choices } of stream) {
    for (const name of Object.keys(found)) found[name] += choices[0].delta[name] ?? "";
  }
  assert.deepEqual(found, { reasoning_content: "Count the days.", content: "Seven." });
});

test("whoever aborts a stream stops the model", async () => {
  const stream = await client.chat.completions.create({ model: "endless", messages, stream: true });
  for await (const { choices } of stream) {
    if (choices[0].delta.content) stream.controller.abort();
  }
  await server.heard(/^left$/);
});

test("whoever aborts while an answer is waited for stops the model", async () => {
  const abort = new AbortController();
  const asked = client.chat.completions.create({ model: "endless", messages }, { signal: abort.signal });
  setTimeout(() => abort.abort(), 200);
  await assert.rejects(asked, OpenAI.APIUserAbortError);
  await server.heard(/^left$/);
});

test("functions are called and their results answered, by the client's own loop", async () => {
  for (const stream of [false, true]) {
    const asked = [];
    const tool = zodFunction({
      name: "weather",
      parameters: Place,
      function: (given) => asked.push(given) && "7 degrees",
    });
    const run = client.chat.completions.runTools({ model: "caller", messages, tools: [tool], stream });
    assert.equal(await run.finalContent(), "It is 7 degrees in Kiel.");
    assert.deepEqual(asked, [{ place: "Kiel" }]);
  }
});

test("a streamed call is the one that comes whole", async () => {
  const asked = { model: "caller", messages, tools: [weather] };
  const whole = await client.chat.completions.create(asked);
  const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
  for (const [choice] of [whole.choices, streamed.choices]) {
    assert.equal(choice.finish_reason, "tool_calls");
    assert.equal(choice.message.content, "Let me look.");
    const [call] = choice.message.tool_calls;
    assert.equal(call.id, "call_1");
    assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ["weather", { place: "Kiel" }]);
  }
});

test("an answer is parsed by a schema of zod", async () => {
  const asked = { model: "json", messages, response_format: zodResponseFormat(Weather, "weather") };
  const parsed = await client.chat.completions.parse(asked);
  assert.deepEqual(parsed.choices[0].message.parsed, { place: "Kiel", degrees: 7 });
  const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
  assert.deepEqual(streamed.choices[0].message.parsed, { place: "Kiel", degrees: 7 });
});

test("responses stream to the answer that comes whole", async () => {
  const tools = [{ type: "function", name: "weather", parameters, strict: false }];
  const asked = { model: "caller", input: "Hello", tools };
  const whole = await client.responses.create(asked);
  const stream = client.responses.stream(asked);
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  const final = await stream.finalResponse();
  assert.equal(kinds[0], "response.created");
  assert.equal(kinds.at(-1), "response.completed");
  assert.ok(kinds.includes("response.output_text.delta"));
  assert.ok(kinds.includes("response.function_call_arguments.done"));
  for (const found of [whole, final]) {
    assert.equal(found.output_text, "Let me look.");
    assert.deepEqual(found.output.map((item) => item.type), ["message", "function_call"]);
    assert.deepEqual(JSON.parse(found.output[1].arguments), { place: "Kiel" });
  }
  const result = { type: "function_call_output", call_id: "call_1", output: "7 degrees" };
  const next = await client.responses.create({ ...asked, input: [...whole.output, result] });
  assert.equal(next.output_text, "It is 7 degrees in Kiel.");
});

test("a response is parsed by a schema of zod", async () => {
  const parsed = await client.responses.parse({
    model: "json",
    input: "Hello",
    text: { format: zodTextFormat(Weather, "weather") },
  });
  assert.deepEqual(parsed.output_parsed, { place: "Kiel", degrees: 7 });
});

test("vectors are the same as numbers and in base64, which the client asks for by itself", async () => {
  const input = ["a cat", "a dog"];
  const packed = await client.embeddings.create({ model: "hash", input });
  const plain = await client.embeddings.create({ model: "hash", input, encoding_format: "float" });
  assert.equal(packed.data.length, 2);
  assert.equal(packed.data[1].embedding.length, 64);
  assert.deepEqual(packed.data, plain.data);
});

test("texts are continued and models listed", async () => {
  const continued = await client.completions.create({ model: "base", prompt: "On" });
  assert.equal(continued.choices[0].text, " and on");
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);
  assert.ok(listed.includes("polite") && listed.includes("hash"));
  assert.equal((await client.models.retrieve("hash")).id, "hash");
});

for (const [what, asked, kind, code] of [
  ["an unknown model", { model: "gpt-5" }, OpenAI.NotFoundError, "model_not_found"],
  ["an impossible number", { model: "polite", temperature: -1 }, OpenAI.BadRequestError, "invalid_value"],
  ["a key that cannot be served", { model: "polite", functions: [] }, OpenAI.BadRequestError, "unsupported_parameter"],
  ["a full queue", { model: "full" }, OpenAI.RateLimitError, "rate_limit_exceeded"],
]) {
  test(`${what} is what the client calls it`, async () => {
    for (const stream of [false, true]) {
      await assert.rejects(client.chat.completions.create({ messages, stream, ...asked }), (error) => {
        assert.ok(error instanceof kind, `${error}`);
        assert.equal(error.code, code);
        return true;
      });
    }
  });
}

test("a model that breaks off in a stream is an error of the stream", async () => {
  const stream = await client.chat.completions.create({ model: "breaking", messages, stream: true });
  let text = "";
  const reading = async () => {
    for await (const { choices } of stream) text += choices[0].delta.content ?? "";
  };
  await assert.rejects(reading(), OpenAI.APIError);
  assert.equal(text, "Some words.");
});

test("keys without effect are named in a header", async () => {
  const { response } = await client.chat.completions
    .create({ model: "polite", messages, user: "ann", service_tier: "flex" })
    .withResponse();
  assert.equal(response.headers.get("x-ignored-parameters"), "user, service_tier");
});
