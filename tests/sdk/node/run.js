// Runs every check against one base URL and prints, as JSON, what came of each: null, or what went wrong.
//
//     node run.js <base URL> <key> <the simulator's own origin> <file of a square PNG>

import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import OpenAI from "openai";

import { checks } from "./check.js";
import "./chat.js";
import "./images.js";
import "./errors.js";

const [baseURL, apiKey, simulator, picture] = process.argv.slice(2);
const png = await readFile(picture);

const make = (options = {}) => new OpenAI({ baseURL, apiKey, maxRetries: 0, ...options });
const stats = async () => (await fetch(`${simulator}/_sim/stats`)).json();
const requests = async () => (await stats()).requests;

// Does `work`, after which the provider must see one more client hang up; gives what `work` gives.
async function hungUp(work) {
  const before = (await stats()).disconnects;
  const value = await work();
  while ((await stats()).disconnects === before) await pause(1);
  return value;
}

const results = {};
for (const { name, run } of checks) {
  try {
    await run({ client: make(), make, requests, hungUp, png });
    results[name] = null;
  } catch (error) {
    results[name] = error.stack ?? String(error);
  }
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
