import assert from 'node:assert/strict';
import test from 'node:test';

import { ticks, waterfall } from './static/waterfall.js';

const attempt = (said) => ({ target: 'sim/chat', kind: 'first', status: 200, error: null, started_after_s: 0, duration_s: 1, ttft_s: null, ...said });
const call = (said) => ({ hold_after_s: null, hold_s: 0, attempts: [], stream: false, ttft_s: null, duration_s: 1, error: null, finish: 'stop', ...said });

const CALL = call({
  hold_after_s: 0.1, hold_s: 0.1, duration_s: 2, stream: true, ttft_s: 1,
  attempts: [
    attempt({ error: 'server_error', status: 503, started_after_s: 0.2, duration_s: 0.3 }),
    attempt({ kind: 'failover', target: 'other/chat', started_after_s: 0.5, duration_s: 1.5, ttft_s: 0.5 }),
  ],
});

test('hold, attempts and the stream are rows in the order in which they came', () => {
  const { rows, whole_s } = waterfall(CALL);
  assert.equal(whole_s, 2);
  assert.deepEqual(rows.map((row) => [row.kind, row.end, row.tone]), [
    ['hold', 'held', 'quiet'], ['first', 'server error', 'bad'], ['failover', 'served', 'good'], ['reply', 'stop', 'good'],
  ]);
});

test('each part stands where it was in time', () => {
  const { rows } = waterfall(CALL);
  const near = (one, other) => assert.ok(Math.abs(one - other) < 1e-9, `${one} is not ${other}`);
  near(rows[0].parts[0].left, 0.05);
  near(rows[0].parts[0].width, 0.05);
  near(rows[1].parts[0].left, 0.1);
  near(rows[1].parts[0].width, 0.15);
  near(rows[2].mark, 0.5);
  assert.deepEqual(rows[2].parts.map((part) => part.kind), ['waiting', 'receiving']);
  near(rows[2].parts[0].left + rows[2].parts[0].width, rows[2].parts[1].left);
  near(rows[2].parts[1].left + rows[2].parts[1].width, 1);
});

test('a provider that went on after its client had its answer still fits', () => {
  const { rows, whole_s } = waterfall(call({ duration_s: 1, attempts: [attempt({ duration_s: 4 })] }));
  assert.equal(whole_s, 4);
  assert.equal(rows[0].parts[0].width, 1);
});

test('a call that nobody was asked for has no rows', () => {
  assert.deepEqual(waterfall(call({ duration_s: 0 })).rows, []);
});

test('an attempt that its client gave up is no failure of the provider', () => {
  assert.equal(waterfall(call({ attempts: [attempt({ error: 'cancelled' })] })).rows[0].tone, 'warn');
});

test('ticks are round, and neither few nor many', () => {
  for (const whole_s of [0.000003, 0.00071, 0.012, 0.2, 0.99, 1, 3.3, 59, 600, 2999]) {
    const found = ticks(whole_s);
    assert.ok(found.length >= 3 && found.length <= 11, `${found.length} of ${whole_s}`);
    assert.equal(found[0].left, 0);
    assert.ok(found.at(-1).left <= 1 + 1e-9);
    assert.match((found[1].at_s).toExponential(3), /^[125]\.000e/);
  }
});

test('a hold that did not fit was refused', () => {
  const { rows } = waterfall(call({ hold_after_s: 0.1, hold_s: 0.1, error: 'insufficient_quota' }));
  assert.deepEqual(rows.map((row) => row.end), ['refused']);
});
