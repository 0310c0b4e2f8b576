import assert from 'node:assert/strict';
import test from 'node:test';

import { hash, question, read } from './static/filters.js';

test('what is filtered by comes back from the address', () => {
  const filters = { model: 'gpt & co', key: 'a/b?c#d', status: '5xx' };
  const [path, search] = hash('calls', filters).split('?');
  assert.equal(path, '#/calls');
  assert.deepEqual(read(new URLSearchParams(search), ['model', 'key', 'status', 'team']), filters);
});

test('what is empty is not in the address, and what is unknown is not read from it', () => {
  assert.equal(hash('calls', { model: '', key: undefined }), '#/calls');
  assert.deepEqual(read(new URLSearchParams('model=&evil=1'), ['model']), {});
});

test('a span is asked for as the moment that it began at', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  assert.deepEqual(question({ span: '1d', result: 'failed', model: 'fast' }, now), { model: 'fast', since: '2026-01-01T00:00:00.000Z', failed: 'true' });
  assert.deepEqual(question({ span: 'ever', result: 'fine' }, now), { failed: 'false' });
});
