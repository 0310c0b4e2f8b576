import assert from 'node:assert/strict';
import test from 'node:test';

import { NONE, compact, count, ofNano, percent, rate, seconds, span, usd, usdExact } from './static/format.js';

test('exact amounts have every digit that there is, and two at least', () => {
  assert.equal(usdExact('0.000123456'), '$0.000123456');
  assert.equal(usdExact('1234567.5'), '$1,234,567.50');
  assert.equal(usdExact('-3'), '-$3.00');
});

test('short amounts say three digits below a dollar, and cents above', () => {
  assert.equal(usd('0'), '$0.00');
  assert.equal(usd('0.000123456'), '$0.000123');
  assert.equal(usd('0.5'), '$0.50');
  assert.equal(usd('1234.567'), '$1,234.57');
  assert.equal(usd('250000'), '$250K');
});

test('a number of USD is shown as its text is', () => {
  for (const text of ['0', '0.000000001', '0.0000004', '0.0123', '1', '99.999', '1234.5']) assert.equal(usd(Number(text)), usd(text));
  assert.equal(usd(1e-12), '$0.00');
});

test('nano-dollars become exact text', () => {
  assert.equal(ofNano(1), '0.000000001');
  assert.equal(ofNano(1_500_000_000), '1.5');
  assert.equal(ofNano(0), '0');
});

test('times are as short as they can be', () => {
  assert.deepEqual([0, 0.0004, 0.0031, 0.312, 2.414, 61.24].map(seconds), ['0 ms', '0.40 ms', '3.1 ms', '312 ms', '2.41 s', '61.2 s']);
  assert.deepEqual([45, 12 * 60, 3 * 3600 + 1200, 6 * 86_400 + 4 * 3600].map(span), ['45 s', '12 min', '3 h 20 min', '6 d 4 h']);
});

test('what is not known is a dash, whatever it is of', () => {
  for (const shown of [usd, usdExact, count, compact, rate, seconds, span, percent]) {
    assert.equal(shown(null), NONE);
    assert.equal(shown(undefined), NONE);
  }
});
