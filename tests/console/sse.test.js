import assert from 'node:assert/strict';
import test from 'node:test';

import { EventReader } from './static/sse.js';

const STREAM = 'data: {"a": 1}\n\n: a comment\nid: 7\r\ndata: one\r\ndata: two\r\n\r\nevent: x\rdata:tight\r\rdata\n\ndata: [DONE]\n\n';
const EVENTS = ['{"a": 1}', 'one\ntwo', 'tight', '', '[DONE]'];

test('events are the same wherever the text is cut', () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const reader = new EventReader();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...reader.push(STREAM.slice(at, at + size)));
    assert.deepEqual(found, EVENTS, `in pieces of ${size}`);
  }
});

test('an event that is not complete is not told', () => {
  const reader = new EventReader();
  assert.deepEqual(reader.push('data: half'), []);
  assert.deepEqual(reader.push('\n'), []);
  assert.deepEqual(reader.push('\n'), ['half']);
});

test('a colon in the data stays', () => {
  assert.deepEqual(new EventReader().push('data: a: b\n\n'), ['a: b']);
});
