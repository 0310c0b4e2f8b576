import assert from 'node:assert/strict';
import test from 'node:test';

import { imageChoices, serving } from './static/models.js';

const target = (model, endpoints, said = {}) => ({ model, off_because: null, capabilities: { endpoints, features: null }, price: null, ...said });
const MODELS = ['unknown', 'chat', 'draws', 'off', 'embeds', 'priced'].map((name) => ({ name }));
const TARGETS = [
  target('unknown', null),
  target('chat', ['chat/completions']),
  target('draws', ['images/generations']),
  target('off', ['chat/completions', 'images/generations'], { off_because: 'no credential' }),
  target('embeds', ['embeddings']),
  target('priced', null, { price: { per_image: { default: '0.05' }, per_million_tokens: {} } }),
];

test('models that chat come first, then those that nobody knows of', () => {
  assert.deepEqual(serving('chat', MODELS, TARGETS), ['unknown', 'chat', 'priced']);
});

test('models that draw come first, and a price for images tells of one', () => {
  assert.deepEqual(serving('images', MODELS, TARGETS), ['draws', 'priced', 'unknown']);
});

test('a chat model that answers with images draws', () => {
  const both = target('both', ['chat/completions'], { capabilities: { endpoints: ['chat/completions'], features: ['image_output'] } });
  assert.deepEqual(serving('images', [{ name: 'both' }], [both]), ['both']);
});

test('sizes and qualities are what targets say, and what they have a price for', () => {
  const said = target('draws', null, {
    capabilities: { endpoints: null, features: null, image_sizes: ['auto', '512x512'], image_qualities: null },
    price: { per_image: { 'low/1024x1024': '0.01', default: '0.05' } },
  });
  const off = { ...said, off_because: 'no credential', capabilities: { ...said.capabilities, image_sizes: ['9x9'] } };
  assert.deepEqual(imageChoices('draws', [said, off]), { sizes: ['1024x1024', '512x512'], qualities: ['low'] });
});
