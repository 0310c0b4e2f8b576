// Calls to /v1, as any client makes them: with a key, never with the console's session.

import { EventReader } from './sse.js';

class CallFailed extends Error {
  /** As OpenAI's error object says it. `status` 0: the gateway could not be reached; 200: a stream broke off. */
  constructor(status, { message, type = null, code = null, param = null }, id = null) {
    super(message);
    this.name = 'CallFailed';
    Object.assign(this, { status, type, code, param, id });
  }
}

/** POST `body` to `path` below /v1. `key` null: none is shown. Gives the reply. Raises CallFailed; AbortError once `signal` aborts. */
export async function call(path, body, { key, signal }) {
  const headers = { 'content-type': 'application/json' };
  if (key) headers.authorization = `Bearer ${key}`;
  const asked = { method: 'POST', headers, body: JSON.stringify(body), signal, credentials: 'omit', cache: 'no-store' };
  const reply = await fetch(`/v1/${path}`, asked).catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new CallFailed(0, { message: 'The gateway can’t be reached.' });
  });
  if (!reply.ok) {
    const text = await reply.text();
    throw new CallFailed(reply.status, errorOf(text) ?? { message: `The gateway answered with status ${reply.status}.` }, reply.headers.get('x-request-id'));
  }
  return reply;
}

/** The chunks of a streamed reply, until its end. Raises CallFailed where the stream says so, or ends before its end. */
export async function* chunks(reply) {
  const id = reply.headers.get('x-request-id');
  const reader = new EventReader();
  for await (const text of pieces(reply.body)) {
    for (const data of reader.push(text)) {
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new CallFailed(200, chunk.error, id);
      yield chunk;
    }
  }
  throw new CallFailed(200, { message: 'The stream ended before its end.' }, id);
}

/** What the headers of a reply tell of it. Numbers, or null. */
export function facts(reply) {
  const number = (name) => (reply.headers.has(name) ? Number(reply.headers.get(name)) : null);
  return {
    id: reply.headers.get('x-request-id'),
    provider: reply.headers.get('x-sluice-provider'),
    model: reply.headers.get('x-sluice-model'),
    attempts: number('x-sluice-attempts'),
    overhead_s: reply.headers.has('x-sluice-overhead-ms') ? number('x-sluice-overhead-ms') / 1000 : null,
    cost_usd: reply.headers.get('x-sluice-cost-usd'),
  };
}

async function* pieces(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function errorOf(text) {
  try {
    const { error } = JSON.parse(text);
    return typeof error?.message === 'string' ? error : null;
  } catch {
    return null;
  }
}
