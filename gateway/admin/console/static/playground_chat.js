// The playground's chat.

import { costText, factsLine, problem } from './answer_facts.js';
import { call, chunks, facts } from './data_plane.js';
import { add, h, put } from './dom.js';
import { icon } from './icons.js';
import { empty, field, panel } from './parts.js';

/** The conversation, which stays while the tab lives. */
let messages = [];
// A ceiling from the start: a call without one holds what its longest answer could cost, which is more than a small budget.
const settings = { model: '', suffix: '', system: '', temperature: '', most: '1000' };
const SUFFIXES = [['', 'As configured'], [':cost', 'Cheapest first'], [':latency', 'Fastest first'], [':quality', 'Best first'], [':balanced', 'Balanced']];

export function chat({ models, caller, signal }) {
  const log = h('div', { class: 'conversation', role: 'log', 'aria-label': 'Conversation', 'aria-live': 'off', tabindex: '0' });
  const status = h('p', { class: 'hidden', role: 'status' });
  const prompt = h('textarea', { rows: 3, 'aria-label': 'Message', placeholder: 'Write a message. Enter sends it, Shift + Enter begins a line.', onkeydown: (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  } });
  const send = h('button', { type: 'submit', class: 'button primary' }, icon('send'), 'Send');
  const stop = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => stopping.abort() }, icon('stop'), 'Stop');
  const fresh = h('button', { type: 'button', class: 'button quiet', onclick: () => { messages = []; show(); prompt.focus(); } }, 'New conversation');
  let stopping = new AbortController();
  signal.addEventListener('abort', () => stopping.abort());

  const form = h('form', { class: 'composer', onsubmit: async (event) => {
    event.preventDefault();
    const text = prompt.value.trim();
    if (!text || !stop.hidden) return;
    if (!caller.isReady()) {
      add(log, problem({ message: 'Choose whom to call as first: make a key for an hour, or paste one.' }));
      log.scrollTop = log.scrollHeight;
      return;
    }
    prompt.value = '';
    messages.push({ role: 'user', content: text });
    show();
    stopping = new AbortController();
    [send.disabled, stop.hidden] = [true, false];
    status.textContent = 'Waiting for the answer.';
    await answer(log, caller.key(), stopping.signal);
    status.textContent = 'The answer has ended.';
    [send.disabled, stop.hidden] = [false, true];
  } }, prompt, h('div', { class: 'row' }, send, stop, fresh));

  function show() {
    put(log, messages.length ? messages.map((message) => bubble(message).element) : empty('Nothing said yet', 'Write a message below. What was said before goes with each, as in any chat.'));
    log.scrollTop = log.scrollHeight;
  }
  show();
  return h('div', { class: 'split' }, panel('Settings', {}, h('div', { class: 'panel-body stack' }, caller.element, controls(models))), panel('Chat', {}, log, status, form));
}

function controls(models) {
  if (!models.includes(settings.model)) settings.model = models[0];
  const keep = (name) => (event) => { settings[name] = event.target.value; };
  return [
    field('Model', h('select', { value: settings.model, onchange: keep('model') }, models.map((name) => h('option', { value: name }, name)))),
    field('Routing', h('select', { value: settings.suffix, onchange: keep('suffix') }, SUFFIXES.map(([value, label]) => h('option', { value }, label)))),
    field('System prompt', h('textarea', { rows: 2, value: settings.system, oninput: keep('system') })),
    h('div', { class: 'grid-2' },
      field('Temperature', h('input', { type: 'number', min: 0, max: 2, step: 0.1, value: settings.temperature, placeholder: 'default', oninput: keep('temperature') })),
      field('Most tokens', h('input', { type: 'number', min: 1, step: 1, value: settings.most, placeholder: 'no ceiling', oninput: keep('most') }))),
  ];
}

function bodyOf() {
  const said = messages.filter((message) => !message.error && message.content).map(({ role, content }) => ({ role, content }));
  const body = { model: settings.model + settings.suffix, messages: settings.system ? [{ role: 'system', content: settings.system }, ...said] : said, stream: true, stream_options: { include_usage: true } };
  if (settings.temperature !== '') body.temperature = Number(settings.temperature);
  if (settings.most !== '') body.max_completion_tokens = Number(settings.most);
  return body;
}

/** Ask, and show the answer in `log` as it comes. */
async function answer(log, key, signal) {
  const body = bodyOf();
  const message = { role: 'assistant', content: '', facts: {} };
  const shown = bubble(message);
  add(log, shown.element);
  messages.push(message);
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  try {
    const reply = await call('chat/completions', body, { key, signal });
    message.facts = facts(reply);
    for await (const chunk of chunks(reply)) {
      take(chunk, message, since);
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      shown.text.data = message.content;
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    }
  } catch (error) {
    if (error.name === 'AbortError') message.isStopped = true;
    else message.error = error;
  }
  message.facts.duration_s = since();
  shown.end();
  log.scrollTop = log.scrollHeight;
}

function take(chunk, message, since) {
  const text = chunk.choices?.[0]?.delta?.content;
  if (text) {
    message.facts.ttft_s ??= since();
    message.content += text;
  }
  if (chunk.usage) Object.assign(message.facts, { input: chunk.usage.prompt_tokens, output: chunk.usage.completion_tokens });
  if (chunk.sluice) Object.assign(message.facts, { cost_usd: costText(chunk.sluice.cost_usd), attempts: chunk.sluice.attempts });
}

function bubble(message) {
  const text = document.createTextNode(message.content);
  const foot = h('div', {});
  const isMine = message.role === 'user';
  const element = h('article', { class: `message ${message.role}`, 'aria-label': isMine ? 'You' : 'Answer' }, h('p', { class: 'message-who' }, isMine ? 'You' : 'Answer'), h('div', { class: 'message-text' }, text), foot);
  const end = () => put(foot, message.error && problem(message.error), message.isStopped && h('p', { class: 'muted small' }, 'You stopped it here.'),
    !message.error && message.facts && factsLine(message.facts));
  if (message.content || message.error) end();
  return { element, text, end };
}
