// Where a call would go now, target by target, and why. Nothing is sent.

import { api } from '../api.js';
import { add, h, put } from '../dom.js';
import { NONE, seconds, usd, usdExact } from '../format.js';
import { icon } from '../icons.js';
import { badge, empty, failed, field, head, notice, panel, table } from '../parts.js';
import { asked } from '../explain_question.js';
import { said } from '../waterfall.js';

export const title = 'Route explainer';

const ENDPOINTS = [['chat/completions', 'Chat'], ['images/generations', 'Images'], ['embeddings', 'Embeddings']];
const STRATEGIES = ['ordered', 'weighted', 'cost', 'latency', 'quality', 'balanced'];

export default async function page(root, { signal, query }) {
  const [{ data: models }, { data: keys }] = await Promise.all([api.get('/models', { signal }), api.get('/keys?limit=1000', { signal })]);
  const result = h('div', { class: 'stack', 'aria-live': 'polite' });
  const form = formOf(models, keys, query, signal, result);
  add(root,
    head(title, 'Say what a client would ask for, and see where the call would go now: each target with its score, and who is left out and why. Nothing is sent, nothing is held.'),
    h('div', { class: 'split' }, panel('The call', {}, form), result));
  if (query.get('model')) form.requestSubmit();
  else put(result, panel('The decision', {}, empty('Nothing asked yet', 'Choose a model and press Explain.')));
}

function formOf(models, keys, query, signal, result) {
  const controls = {};
  const one = (name, label, control, hint) => {
    controls[name] = control;
    return field(label, control, hint);
  };
  const text = (name, label, attrs = {}, hint) => one(name, label, h('input', { name, value: '', autocomplete: 'off', spellcheck: 'false', ...attrs }), hint);
  const figure = (name, label, hint) => text(name, label, { type: 'number', min: 0, step: 'any', inputmode: 'decimal' }, hint);
  const check = (name, label, checked) => h('label', { class: 'check' }, (controls[name] = h('input', { type: 'checkbox', name, checked })), label);
  const endpoint = one('endpoint', 'Endpoint', h('select', { name: 'endpoint', onchange: () => form.fit() }, ENDPOINTS.map(([value, label]) => h('option', { value }, label))));
  const chat = h('div', { class: 'stack' }, text('max_tokens', 'Most output tokens', { type: 'number', min: 1, inputmode: 'numeric' }), check('stream', 'Streamed', true));
  const images = h('div', { class: 'grid-3' }, text('n', 'Images', { type: 'number', min: 1, max: 10 }), text('size', 'Size', { placeholder: '1024x1024' }), text('quality', 'Quality', { placeholder: 'auto' }));
  const submit = h('button', { type: 'submit', class: 'button primary' }, icon('explain'), 'Explain');
  const form = h('form', { class: 'stack panel-body', onsubmit: (event) => {
    event.preventDefault();
    ask(controls, submit, signal, result);
  } },
  text('model', 'Model', { list: 'explain-models', required: true, value: query.get('model') ?? models[0]?.name ?? '' }, 'A suffix asks for another order: gpt-5-mini:cost, :latency, :quality.'),
  h('datalist', { id: 'explain-models' }, models.map(({ name }) => h('option', { value: name }))),
  one('prompt', 'Prompt', h('textarea', { name: 'prompt', rows: 4, placeholder: 'Hello' }), 'Its length counts, and stays between this page and the gateway.'),
  endpoint, chat, images,
  text('key', 'Name of the key that calls', { list: 'explain-keys', value: query.get('key') ?? '' }, 'Its models, regions and budgets then bind the answer. Empty: one that may use everything.'),
  h('datalist', { id: 'explain-keys' }, keys.map(({ name }) => h('option', { value: name }))),
  h('details', {}, h('summary', {}, 'Route options of this call'), h('div', { class: 'stack' },
    one('by', 'Order by', h('select', { name: 'by' }, h('option', { value: '' }, 'As the model says'), STRATEGIES.map((by) => h('option', { value: by }, by)))),
    text('only', 'Only these providers'), text('ignore', 'Not these providers'), text('order', 'These providers first'), text('regions', 'Only these regions'),
    h('div', { class: 'grid-3' }, figure('max_cost_usd', 'Most USD'), figure('max_latency_s', 'Most seconds'), figure('min_quality', 'Least quality')),
    check('fallbacks', 'Fallbacks to other models are allowed', true))),
  h('div', { class: 'row' }, submit));
  form.fit = () => {
    chat.hidden = controls.endpoint.value !== 'chat/completions';
    images.hidden = controls.endpoint.value !== 'images/generations';
  };
  form.fit();
  return form;
}

async function ask(controls, submit, signal, result) {
  const values = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.type === 'checkbox' ? control.checked : control.value]));
  submit.disabled = true;
  try {
    put(result, shown(await api.post('/explain', asked(values), { signal })));
  } catch (error) {
    if (signal.aborted) return;
    put(result, panel('The decision', {}, h('div', { class: 'panel-body' }, failed(error))));
  } finally {
    submit.disabled = false;
  }
}

function shown(found) {
  if (found.refusal) {
    const { status, code, message } = found.refusal;
    return panel('The decision', {}, h('div', { class: 'panel-body' }, notice('warn', h('p', {}, h('strong', {}, `Refused with ${status} ${code ?? ''}: nobody would be asked.`)), h('p', {}, message))));
  }
  const first = found.ranked[0];
  return [
    panel('The decision', { aside: badge(`route: ${found.by}`, 'info') },
      h('p', { class: 'panel-body' }, 'It would go to ', h('strong', {}, first.target), found.ranked.length > 1 && `; should that fail, to ${found.ranked.length === 2 ? 'the next' : `the next ${found.ranked.length - 1}, in this order`}`, '.'),
      table(rankedColumns(found), found.ranked, { caption: 'Targets in the order in which they would be tried' }),
      h('p', { class: 'hint panel-body' }, 'A lower score is better; scores compare only within one model. What is expected is of one attempt that goes well.')),
    panel('Left out', { aside: badge(String(found.left_out.length)) }, found.left_out.length
      ? table(leftOutColumns(found), found.left_out, { caption: 'Targets that would not be tried' })
      : empty('Nobody is left out', 'Every target of the model could serve this call.')),
  ];
}

const target = (found) => (one) => [one.target, one.model !== found.model && h('span', { class: 'sub' }, `fallback: ${one.model}`)];

function rankedColumns(found) {
  return [
    { label: 'Target', cell: (one) => h('div', { class: 'placed' }, h('span', { class: 'place' }, `${found.ranked.indexOf(one) + 1}`), h('div', {}, target(found)(one))) },
    { label: 'Why', cell: (one) => [one.why, one.is_last_resort && h('span', {}, ' ', badge('last resort', 'warn'))] },
    { label: 'Expected cost', class: 'num', cell: (one) => h('span', { title: usdExact(one.expected_cost_usd) }, usd(one.expected_cost_usd)) },
    { label: 'Expected time', class: 'num', cell: (one) => (one.expected_latency_s === null ? h('span', { class: 'muted' }, 'not seen yet') : seconds(one.expected_latency_s)) },
    { label: 'Score', class: 'num', cell: (one) => (one.score === null ? NONE : Number(one.score.toPrecision(4)).toLocaleString('en-US', { maximumSignificantDigits: 4 })) },
  ];
}

function leftOutColumns(found) {
  return [
    { label: 'Target', cell: target(found) },
    { label: 'Rule', cell: (one) => badge(said(one.rule)) },
    { label: 'Why', cell: (one) => one.reason },
  ];
}
