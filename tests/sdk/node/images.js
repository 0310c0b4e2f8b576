import assert from "node:assert/strict";

import { toFile } from "openai";

import { check } from "./check.js";

const model = "gpt-image-1";
const small = { size: "16x8", quality: "low" };

// Width and height of a PNG, as its header has them.
function size(base64) {
  const data = Buffer.from(base64, "base64");
  assert.equal(data.toString("latin1", 1, 4), "PNG");
  return [data.readUInt32BE(16), data.readUInt32BE(20)];
}

check("images come as base64", async ({ client }) => {
  const reply = await client.images.generate({ model, prompt: "a cat", n: 2, ...small });
  assert.deepEqual(reply.data.map((image) => size(image.b64_json)), [
    [16, 8],
    [16, 8],
  ]);
  assert.ok(reply.usage.total_tokens > 0);
});

check("images come as URLs that lead to them", async ({ client }) => {
  const reply = await client.images.generate({ model: "dall-e-2", prompt: "a cat", size: "256x256" });
  const found = await fetch(reply.data[0].url);
  assert.deepEqual(size(Buffer.from(await found.arrayBuffer()).toString("base64")), [256, 256]);
});

check("one image is edited", async ({ client, png }) => {
  const image = await toFile(png, "a.png", { type: "image/png" });
  const reply = await client.images.edit({ model, prompt: "1234", image, ...small });
  assert.deepEqual(size(reply.data[0].b64_json), [16, 8]);
  assert.equal(reply.usage.input_tokens_details.image_tokens, 194);
});

check("several images are edited with a mask", async ({ client, png }) => {
  const [one, two, mask] = await Promise.all(
    ["a.png", "b.png", "mask.png"].map((name) => toFile(png, name, { type: "image/png" })),
  );
  const reply = await client.images.edit({ model, prompt: "1234", image: [one, two], mask, n: 2, ...small });
  assert.equal(reply.data.length, 2);
  assert.equal(reply.usage.input_tokens_details.image_tokens, 2 * 194);
});

check("variations are made of an image", async ({ client, png }) => {
  const image = await toFile(png, "a.png", { type: "image/png" });
  const options = { model: "dall-e-2", n: 2, size: "256x256", response_format: "b64_json" };
  const reply = await client.images.createVariation({ image, ...options });
  assert.deepEqual(reply.data.map((each) => size(each.b64_json)), [
    [256, 256],
    [256, 256],
  ]);
});

check("partial images come before the completed one", async ({ client }) => {
  const stream = await client.images.generate({ model, prompt: "a cat", stream: true, partial_images: 2, ...small });
  const kinds = [];
  for await (const event of stream) {
    kinds.push(event.type);
    assert.deepEqual(size(event.b64_json), [16, 8]);
  }
  const partial = "image_generation.partial_image";
  assert.deepEqual(kinds, [partial, partial, "image_generation.completed"]);
});

check("an edit is streamed", async ({ client, png }) => {
  const image = await toFile(png, "a.png", { type: "image/png" });
  const options = { stream: true, partial_images: 1, ...small };
  const kinds = [];
  for await (const event of await client.images.edit({ model, prompt: "a cat", image, ...options })) {
    kinds.push(event.type);
  }
  assert.deepEqual(kinds, ["image_edit.partial_image", "image_edit.completed"]);
});
