import assert from 'node:assert/strict';
import test from 'node:test';

import { costText } from './static/answer_facts.js';
import { split } from './static/cost.js';
import { usd, usdExact } from './static/format.js';

const call = (usage, cost_usd, said = {}) => ({ usage: { images: 0, ...usage }, cost_usd, image_quality: null, image_size: null, ...said });
const price = (said) => ({ is_free: false, per_million_tokens: {}, per_image: {}, ...said });

test('the kinds of tokens make the cost', () => {
  const { parts, isExact } = split(call({ input: 1000, output: 500 }, '0.00125'), price({ per_million_tokens: { input: '0.25', output: '2' } }));
  assert.deepEqual(parts.map((part) => [part.name, part.amount, part.rate]), [['Input tokens', 1000, '0.25'], ['Output tokens', 500, '2']]);
  assert.equal(isExact, true);
});

test('a price that says nothing of a kind makes no sum', () => {
  assert.equal(split(call({ input: 10, audio_input: 5 }, '0.1'), price({ per_million_tokens: { input: '0.25' } })).isExact, false);
  assert.equal(split(call({ input: 10 }, '0.1'), null).isExact, false);
});

test('images cost what their line says', () => {
  const found = split(call({ images: 2 }, '0.1', { image_quality: 'high', image_size: '1024x1024' }), price({ per_image: { 'high/1024x1024': '0.05', default: '1' } }));
  assert.deepEqual([found.parts[0].usd, found.isExact], [0.1, true]);
});

test('a cost that a program wrote as a number is read to the nano-dollar', () => {
  assert.equal(costText(1e-9), '0.000000001');
  assert.equal(costText(0.00123), '0.00123');
  assert.equal(costText(20), '20');
  assert.equal(costText(0), '0');
  assert.equal(costText(null), null);
});

test('small amounts are not rounded to nothing', () => {
  assert.equal(usd('0.000000001'), '$0.000000001');
  assert.equal(usdExact('1234.5'), '$1,234.50');
});
