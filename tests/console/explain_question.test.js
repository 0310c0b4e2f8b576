import assert from 'node:assert/strict';
import test from 'node:test';

import { asked } from './static/explain_question.js';

const EMPTY = { model: 'fast', endpoint: 'chat/completions', prompt: '', key: '', stream: false, max_tokens: '', n: '', size: '', quality: '', by: '', only: '', ignore: '', order: '', regions: '', max_cost_usd: '', max_latency_s: '', min_quality: '', fallbacks: true };

test('a bare question is a model and an endpoint', () => {
  assert.deepEqual(asked(EMPTY), { model: 'fast', endpoint: 'chat/completions' });
});

test('route options are those of a call', () => {
  const values = { ...EMPTY, by: 'cost', only: 'a, b', max_latency_s: '1.5', fallbacks: false };
  assert.deepEqual(asked(values).route, { by: 'cost', providers: { only: ['a', 'b'] }, max_latency_ms: 1500, allow_fallbacks: false });
});

test('what belongs to another endpoint is not sent', () => {
  const values = { ...EMPTY, stream: true, max_tokens: '5', n: '2', size: '1024x1024' };
  assert.deepEqual(asked(values), { model: 'fast', endpoint: 'chat/completions', stream: true, max_tokens: 5 });
  assert.deepEqual(asked({ ...values, endpoint: 'images/generations' }), { model: 'fast', endpoint: 'images/generations', n: 2, size: '1024x1024' });
});
