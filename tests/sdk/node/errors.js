import assert from "node:assert/strict";

import OpenAI from "openai";

import { messages, model } from "./chat.js";
import { check, fail, rejection } from "./check.js";

// A chat for which the simulator behaves like that, on whichever side it is asked.
const fault = (sim) => ({ model, messages, metadata: { sim } });

check("a wrong key is an authentication error", async ({ make }) => {
  const error = await rejection(make({ apiKey: "sk-of-somebody-else" }).chat.completions.create({ model, messages }));
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.code, "invalid_api_key");
  assert.ok(!error.message.includes("sk-of-somebody-else"));
});

check("an unknown model is not found", async ({ client }) => {
  const error = await rejection(client.models.retrieve("gpt-nothing"));
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
});

check("a wrong field is a bad request that names it", async ({ client }) => {
  const error = await rejection(client.chat.completions.create({ model, messages, temperature: 5 }));
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.param, "temperature");
});

check("a rate limit tells how long to wait", async ({ client }) => {
  const error = await rejection(client.chat.completions.create(fault("error=rate_limit&retry_after_s=1.5")));
  assert.ok(error instanceof OpenAI.RateLimitError);
  assert.equal(error.code, "rate_limit_exceeded");
  assert.equal(error.headers.get("retry-after-ms"), "1500");
});

check("a provider that fails is an internal server error", async ({ client }) => {
  const error = await rejection(client.chat.completions.create(fault("status=500")));
  assert.ok(error instanceof OpenAI.InternalServerError);
});

check("the client retries as often as it was told", async ({ make, requests }) => {
  const before = await requests();
  const client = make({ maxRetries: 2 });
  const error = await rejection(client.chat.completions.create(fault("status=503&retry_after_s=0.001")));
  assert.ok(error instanceof OpenAI.APIError);
  assert.equal((await requests()) - before, 3);
});

check("bad requests are not retried", async ({ make, requests }) => {
  const before = await requests();
  const error = await rejection(make({ maxRetries: 2 }).chat.completions.create(fault("error=invalid")));
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal((await requests()) - before, 1);
});

check("a client that runs out of patience frees the provider", async ({ client, hungUp }) => {
  const error = await hungUp(() => rejection(client.chat.completions.create(fault("stall"), { timeout: 50 })));
  assert.ok(error instanceof OpenAI.APIConnectionTimeoutError);
});

check("a stream that is left early frees the provider", async ({ client, hungUp }) => {
  await hungUp(async () => {
    const stream = await client.chat.completions.create({ ...fault("stall_after=3"), stream: true });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
  });
});

check("a stream that breaks off is an error and no end", async ({ client }) => {
  const stream = await client.chat.completions.create({ ...fault("error_after=4"), stream: true });
  let chunks = 0;
  try {
    for await (const _ of stream) chunks += 1;
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(chunks, 4);
    return;
  }
  fail(`no error after ${chunks} chunks`);
});
