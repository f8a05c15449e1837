// OpenAI's client for JavaScript against `gpt4all serve` and the starter model.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { startProgram } from "./servers.mjs";

const model = "smollm2-135m-instruct";
const messages = [{ role: "user", content: "It is 7 degrees in Kiel. Tell the weather." }];
const Weather = z.object({ place: z.string(), degrees: z.number().int() });
const parameters = { type: "object", properties: { place: { type: "string" } }, required: ["place"] };

let server;
let client;

before(async () => {
  server = await startProgram();
  client = server.connect();
});
after(() => server.close());

test("a stream has the tokens that its usage tells", async () => {
  const stream = client.chat.completions.stream({
    model,
    messages,
    max_completion_tokens: 12,
    logprobs: true,
    stream_options: { include_usage: true },
  });
  const final = await stream.finalChatCompletion();
  assert.ok(final.choices[0].message.content.length > 0);
  assert.equal(final.choices[0].logprobs.content.length, final.usage.completion_tokens);
  assert.ok(final.usage.completion_tokens <= 12);
});

test("a stream that is aborted leaves the server ready", async () => {
  const asked = { model, messages: [{ role: "user", content: "Count to a thousand." }], stream: true };
  const stream = await client.chat.completions.create(asked);
  let count = 0;
  for await (const { choices } of stream) {
    if (choices[0].delta.content && ++count === 3) stream.controller.abort();
  }
  assert.equal(count, 3);
  await untilIdle();
});

/** Waits until the engine tells that no request runs. */
async function untilIdle() {
  const address = new URL("/metrics", client.baseURL);
  for (;;) {
    const found = await fetch(address, { headers: { Authorization: "Bearer right" } });
    const running = /^gpt4all_http_requests_running (\S+)/m.exec(await found.text());
    if (Number(running[1]) === 1) return; // the question itself
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("an answer fits the schema that zod made", async () => {
  const response_format = zodResponseFormat(Weather, "weather");
  const asked = { model, messages, temperature: 0, max_completion_tokens: 64, response_format };
  const parsed = await client.chat.completions.parse(asked);
  const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
  for (const [choice] of [parsed.choices, streamed.choices]) Weather.parse(choice.message.parsed);
});

test("a call that is required comes, whole and streamed", async () => {
  const tools = [{ type: "function", function: { name: "weather", parameters } }];
  const asked = { model, messages, tools, tool_choice: "required", temperature: 0, max_completion_tokens: 64 };
  const whole = await client.chat.completions.create(asked);
  const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
  for (const [choice] of [whole.choices, streamed.choices]) {
    const [call] = choice.message.tool_calls;
    assert.equal(call.function.name, "weather");
    assert.equal(typeof JSON.parse(call.function.arguments).place, "string");
  }
});

test("a response calls a function and is streamed", async () => {
  const tools = [{ type: "function", name: "weather", parameters, strict: true }];
  const asked = { model, input: messages, tools, tool_choice: "required" };
  const stream = client.responses.stream({ ...asked, temperature: 0, max_output_tokens: 64 });
  const final = await stream.finalResponse();
  assert.equal(final.output[0].name, "weather");
});

test("vectors are of length one, as numbers and in base64", async () => {
  const asked = { model: "all-minilm-l6-v2", input: ["a cat", "a dog"] };
  const packed = await client.embeddings.create(asked);
  const plain = await client.embeddings.create({ ...asked, encoding_format: "float" });
  for (const [index, { embedding }] of plain.data.entries()) {
    assert.equal(embedding.length, 384);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5);
    const other = packed.data[index].embedding;
    assert.ok(embedding.every((number, place) => Math.abs(number - other[place]) < 1e-4));
  }
});

test("a wrong key, an unknown model and a bad request are told apart", async () => {
  const create = (key, given) => server.connect(key).chat.completions.create({ model, messages, ...given });
  await assert.rejects(create("wrong"), OpenAI.AuthenticationError);
  await assert.rejects(create("right", { model: "gpt-5" }), OpenAI.NotFoundError);
  await assert.rejects(create("right", { n: 0 }), OpenAI.BadRequestError);
});
