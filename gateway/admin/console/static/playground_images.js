// The playground's images.

import { factsLine, problem } from './answer_facts.js';
import { call, facts } from './data_plane.js';
import { h, put } from './dom.js';
import { usd } from './format.js';
import { icon } from './icons.js';
import { imageChoices } from './models.js';
import { empty, field, panel } from './parts.js';

const settings = { model: '', prompt: '', size: 'auto', quality: 'auto', n: '1' };

export function images({ models, targets, caller, signal }) {
  if (!models.includes(settings.model)) settings.model = models[0];
  const result = h('div', { class: 'panel-body stack' }, empty('No images yet', 'Describe a picture and press Generate.'));
  const status = h('p', { class: 'hidden', role: 'status' });
  const size = h('select', { onchange: keep('size') });
  const quality = h('select', { onchange: keep('quality') });
  const fit = () => {
    const { sizes, qualities } = imageChoices(settings.model, targets);
    offer(size, 'size', sizes);
    offer(quality, 'quality', qualities);
  };
  const model = h('select', { value: settings.model, onchange: (event) => { settings.model = event.target.value; fit(); } }, models.map((name) => h('option', { value: name }, name)));
  const generate = h('button', { type: 'submit', class: 'button primary' }, icon('image'), 'Generate');
  const stop = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => stopping.abort() }, icon('stop'), 'Stop');
  let stopping = new AbortController();
  signal.addEventListener('abort', () => stopping.abort());
  fit();
  const form = h('form', { class: 'panel-body stack', onsubmit: async (event) => {
    event.preventDefault();
    if (!stop.hidden) return;
    if (!caller.isReady()) {
      put(result, problem({ message: 'Choose whom to call as first: make a key for an hour, or paste one.' }));
      return;
    }
    stopping = new AbortController();
    [generate.disabled, stop.hidden] = [true, false];
    status.textContent = 'Drawing.';
    put(result, h('p', { class: 'loading muted' }, 'Drawing…'));
    put(result, await drawn(caller.key(), stopping.signal));
    status.textContent = 'Done.';
    [generate.disabled, stop.hidden] = [false, true];
  } },
  caller.element,
  field('Model', model),
  field('Prompt', h('textarea', { rows: 4, required: true, value: settings.prompt, oninput: keep('prompt') })),
  h('div', { class: 'grid-3' }, field('Size', size), field('Quality', quality), field('Images', h('input', { type: 'number', min: 1, max: 10, value: settings.n, oninput: keep('n') }))),
  h('div', { class: 'row' }, generate, stop));
  return h('div', { class: 'split' }, panel('Settings', {}, form), panel('Images', {}, result, status));
}

const keep = (name) => (event) => { settings[name] = event.target.value; };

function offer(select, name, values) {
  if (!values.includes(settings[name])) settings[name] = 'auto';
  put(select, ['auto', ...values].map((value) => h('option', { value }, value)));
  select.value = settings[name];
}

async function drawn(key, signal) {
  const body = { model: settings.model, prompt: settings.prompt, n: Number(settings.n) || 1, response_format: 'b64_json' };
  for (const name of ['size', 'quality']) if (settings[name] !== 'auto') body[name] = settings[name];
  const began = performance.now();
  try {
    const reply = await call('images/generations', body, { key, signal });
    const found = await reply.json();
    const said = facts(reply);
    const each = said.cost_usd && found.data.length > 1 ? h('p', { class: 'hint' }, `${usd(Number(said.cost_usd) / found.data.length)} an image.`) : null;
    const usage = found.usage && { input: found.usage.input_tokens, output: found.usage.output_tokens };
    return [h('div', { class: 'pictures' }, found.data.map((image, i) => picture(image, found.output_format, i))), each,
      factsLine({ ...said, ...usage, duration_s: (performance.now() - began) / 1000 })];
  } catch (error) {
    return error.name === 'AbortError' ? empty('Stopped', 'Nothing is shown; what the provider had begun may still cost.') : problem(error);
  }
}

function picture(image, format, i) {
  // Its address is the provider's to say: nothing but a web page's is a link here.
  if (!image.b64_json && !/^https?:\/\//i.test(image.url)) return h('p', { class: 'muted' }, `Image ${i + 1} came with neither a picture nor an address.`);
  if (!image.b64_json) return h('p', {}, h('a', { href: image.url, rel: 'noreferrer', target: '_blank' }, `Image ${i + 1}, at its provider`));
  const kind = format === 'jpeg' || format === 'webp' ? format : 'png';
  const url = `data:image/${kind};base64,${image.b64_json}`;
  return h('figure', {}, h('img', { src: url, alt: settings.prompt }),
    h('figcaption', { class: 'row' }, h('a', { class: 'button small', href: url, download: `image-${i + 1}.${kind}` }, `Save image ${i + 1}`),
      image.revised_prompt && h('span', { class: 'hint' }, image.revised_prompt)));
}
