import assert from 'node:assert/strict';
import test from 'node:test';

import { allowed, curl, localMinute, made, patch, shown } from './static/terms.js';

const NO_LIMITS = { rpm: null, tpm: null, images_per_minute: null, concurrency: null };
const KEY = {
  name: 'ci', team: 'research', models: ['gpt-*', 'fast'], tags: ['x'], expires_at: '2030-01-02T03:04:30Z',
  limits: { ...NO_LIMITS, rpm: 60, tpm: 1000, on_outage: { rpm: 'open' } },
  budgets: [{ usd: '5', nanousd: 5e9, per: 'day', on_outage: 'closed' }],
};

test('a form says only what is filled in', () => {
  const values = { name: ' ci ', team: '', models: '*', tags: '', expires: '', limits: { ...NO_LIMITS, rpm: '60', tpm: '', images_per_minute: '', concurrency: '' }, budgets: [{ usd: '', per: 'day' }] };
  assert.deepEqual(made(values), { name: 'ci', models: ['*'], limits: { rpm: 60 } });
});

test('amounts of money are sent as they were written', () => {
  const values = { name: 'a', tags: '', limits: { rpm: '0', tpm: '', images_per_minute: '', concurrency: '' }, budgets: [{ usd: ' $0.000000001 ', per: 'total' }] };
  assert.deepEqual(made(values), { name: 'a', limits: { rpm: 0 }, budgets: [{ usd: '0.000000001', per: 'total' }] });
});

test('a form that is saved as it was shown changes nothing', () => {
  assert.deepEqual(patch(KEY, shown(KEY)), {});
});

test('what differs is sent, what was emptied is taken away, the rest is left out', () => {
  const values = { ...shown(KEY), team: '', expires: '', limits: { rpm: '', tpm: '1000', images_per_minute: '', concurrency: '4' } };
  assert.deepEqual(patch(KEY, values), { team: null, expires: null, limits: { rpm: null, concurrency: 4 } });
});

test('a budget that changes keeps what it does in an outage', () => {
  const values = { ...shown(KEY), budgets: [{ usd: '9', per: 'day' }, { usd: '1', per: 'hour' }] };
  assert.deepEqual(patch(KEY, values), { budgets: [{ usd: '9', per: 'day', on_outage: 'closed' }, { usd: '1', per: 'hour' }] });
});

test('a moment comes back from its field, to the minute', () => {
  const date = new Date(2030, 0, 2, 3, 4);
  assert.equal(localMinute(date), '2030-01-02T03:04');
  assert.equal(new Date(localMinute(date)).getTime(), date.getTime());
});

test('globs let pass what the gateway lets pass', () => {
  assert.equal(allowed(['a.b', 'gpt-5'], ['gpt-*']), 'gpt-5');
  assert.equal(allowed(['axb'], ['a.b']), null);
  assert.equal(allowed(['a+b'], ['a?b']), 'a+b');
});

test('a model can not break out of the command line', () => {
  const line = curl('http://host', 'sk', "it's");
  assert.ok(line.includes(String.raw`"it'\''s"`), line);
});
