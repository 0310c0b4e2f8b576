import assert from "node:assert/strict";

import { check } from "./check.js";

export const model = "gpt-5-mini";
export const messages = [{ role: "user", content: "hello there" }];
const both = [{ role: "user", content: "weather and population of Rome" }];
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = ["get_weather", "get_population"].map((name) => ({
  type: "function",
  function: { name, parameters: city },
}));

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

check("a chat is answered whole", async ({ client }) => {
  const reply = await client.chat.completions.create({ model, messages });
  assert.equal(reply.object, "chat.completion");
  assert.equal(reply.choices[0].finish_reason, "stop");
  assert.ok(reply.choices[0].message.content);
  assert.equal(reply.usage.total_tokens, 19);
});

check("a stream joins to the whole answer", async ({ client }) => {
  const whole = await client.chat.completions.create({ model, messages });
  const chunks = await collect(await client.chat.completions.create({ model, messages, stream: true }));
  const said = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.equal(said, whole.choices[0].message.content);
  assert.ok(!chunks.some((chunk) => "usage" in chunk));
});

check("a stream tells its usage last when asked", async ({ client }) => {
  const options = { stream: true, stream_options: { include_usage: true } };
  const chunks = await collect(await client.chat.completions.create({ model, messages, ...options }));
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.total_tokens, 19);
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
});

check("several tools are called at once", async ({ client }) => {
  const reply = await client.chat.completions.create({ model, messages: both, tools });
  const calls = reply.choices[0].message.tool_calls;
  assert.deepEqual(
    calls.map((call) => call.function.name),
    ["get_weather", "get_population"],
  );
  for (const call of calls) assert.ok("city" in JSON.parse(call.function.arguments));
});

check("streamed tool calls are put together", async ({ client }) => {
  const stream = client.chat.completions.stream({ model, messages: both, tools });
  const final = await stream.finalChatCompletion();
  const calls = final.choices[0].message.tool_calls;
  assert.equal(calls.length, 2);
  for (const call of calls) assert.ok("city" in JSON.parse(call.function.arguments));
});

check("structured output is parsed", async ({ client }) => {
  const schema = { type: "object", properties: { sky: { type: "string", enum: ["grey"] } }, required: ["sky"] };
  const response_format = { type: "json_schema", json_schema: { name: "forecast", schema, strict: false } };
  const reply = await client.chat.completions.parse({ model, messages, response_format });
  assert.equal(JSON.parse(reply.choices[0].message.content).sky, "grey");
});

check("log probabilities and n choices come", async ({ client }) => {
  const options = { n: 2, logprobs: true, top_logprobs: 2, max_completion_tokens: 3 };
  const reply = await client.chat.completions.create({ model, messages, ...options });
  assert.deepEqual(
    reply.choices.map((choice) => [choice.index, choice.finish_reason, choice.logprobs.content.length]),
    [
      [0, "length", 3],
      [1, "length", 3],
    ],
  );
});

check("a picture can be looked at", async ({ client, png }) => {
  const url = `data:image/png;base64,${png.toString("base64")}`;
  const text = { type: "text", text: "What is it?" };
  const content = [text, { type: "image_url", image_url: { url } }];
  const seen = await client.chat.completions.create({ model, messages: [{ role: "user", content }] });
  const read = await client.chat.completions.create({ model, messages: [{ role: "user", content: [text] }] });
  assert.ok(seen.usage.prompt_tokens > read.usage.prompt_tokens);
});

check("texts are embedded", async ({ client }) => {
  const input = ["one", "two"];
  const options = { model: "text-embedding-3-small", input, dimensions: 8 };
  const reply = await client.embeddings.create(options);
  const floats = await client.embeddings.create({ ...options, encoding_format: "float" });
  assert.deepEqual(reply.data.map((entry) => entry.embedding.length), [8, 8]);
  assert.deepEqual(floats.data.map((entry) => entry.embedding.length), [8, 8]);
  assert.ok(reply.usage.total_tokens > 0);
});

check("models are listed and looked up", async ({ client }) => {
  const listed = [];
  for await (const each of client.models.list()) listed.push(each.id);
  assert.ok(listed.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

check("raw responses show headers", async ({ client }) => {
  const { data, response, request_id } = await client.chat.completions.create({ model, messages }).withResponse();
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.ok(request_id);
  assert.ok(data.choices[0].message.content);
});

check("many calls run at once", async ({ client }) => {
  const asked = Array.from({ length: 32 }, () => client.chat.completions.create({ model, messages }));
  assert.equal(new Set((await Promise.all(asked)).map((reply) => reply.id)).size, 32);
});
