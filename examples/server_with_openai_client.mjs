// OpenAI's client of npm against `gpt4all serve`: a stream, a tool and an answer in a schema.
//
//     gpt4all serve &
//     npm install openai
//     node examples/server_with_openai_client.mjs
//
// Another address than the usual one is given in OPENAI_BASE_URL.

import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:4891/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const model = "smollm2-135m-instruct";

const stream = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "Say hello." }],
  max_tokens: 12,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
console.log();

// Both are valid by construction, on a model of any size.
const weather = {
  type: "object",
  properties: { place: { type: "string" }, degrees: { type: "integer" } },
  required: ["place", "degrees"],
  additionalProperties: false,
};
const messages = [{ role: "user", content: "It is 7 degrees in Kiel." }];
const called = await client.chat.completions.create({
  model,
  messages,
  tools: [{ type: "function", function: { name: "note_weather", parameters: weather } }],
  tool_choice: "required",
  temperature: 0,
  max_tokens: 64,
});
for (const { function: call } of called.choices[0].message.tool_calls)
  console.log(call.name, JSON.parse(call.arguments));

const answered = await client.chat.completions.create({
  model,
  messages,
  response_format: { type: "json_schema", json_schema: { name: "weather", schema: weather } },
  temperature: 0,
  max_tokens: 64,
});
console.log(JSON.parse(answered.choices[0].message.content));
