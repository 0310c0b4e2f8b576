// One call: what it was, where its time went, what it cost.

import { api, query as queryOf } from './api.js';
import { split } from './cost.js';
import { add, h, put } from './dom.js';
import { hash } from './filters.js';
import { at, count, inFull, NONE, seconds, usd, usdExact } from './format.js';
import { badge, copyButton, empty, figure, head, loaded, notice, panel, table } from './parts.js';
import { said, waterfall } from './waterfall.js';

/** Within which the log has a call that has ended. */
const LOGGED_MS = 1_500;

/** `number` says which, of several calls that clients gave the same id; null: the last. */
export async function callPage(root, { id, number, signal, me }) {
  const back = h('a', { class: 'button', href: '#/calls' }, 'All calls');
  let call;
  try {
    call = await found(id, number, signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    add(root, head('Call', null, back), panel('Not found', {}, empty('There is no such call', error.message)));
    return;
  }
  const price = await priceOf(call, signal);
  add(root,
    head(`Call of ${at(call.at)}`, h('span', { class: 'mono' }, call.id), copyButton(call.id, 'Copy the id'), back),
    outcome(call),
    figures(call),
    panel('Where the time went', { aside: h('span', { class: 'muted small' }, `${seconds(call.duration_s)} in all`) }, time(call)),
    h('div', { class: 'grid-2' }, panel('What it cost', {}, cost(call, price)), panel('Facts', {}, facts(call))),
    call.has_payload && panel('What was said', {}, payload(call, me, signal)));
}

/** The call `id`. One that has ended just now is asked for twice: the log has it a moment later. */
async function found(id, number, signal) {
  const ask = () => api.get(`/calls/${encodeURIComponent(id)}${queryOf({ number })}`, { signal });
  try {
    return await ask();
  } catch (error) {
    if (error.code !== 'not_found') throw error;
    await new Promise((then) => setTimeout(then, LOGGED_MS));
    return ask();
  }
}

/** The price of the target that served it, as it is now; null where it is gone or has none. */
async function priceOf(call, signal) {
  if (!call.target) return null;
  try {
    const { data } = await api.get(`/targets${queryOf({ provider: call.provider })}`, { signal });
    return data.find((target) => target.id === call.target)?.price ?? null;
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    return null;
  }
}

function outcome(call) {
  if (!call.error) return null;
  const tried = call.attempts.map((attempt) => `${attempt.target}: ${attempt.error ? said(attempt.error) : 'answered'}`).join('; ');
  return notice(call.status >= 500 ? 'bad' : 'warn', h('p', {}, `Ended with status ${call.status}: ${said(call.error)}.`),
    h('p', { class: 'muted' }, tried || 'No provider was asked.'));
}

function figures(call) {
  const one = (name, shown, note = '', tone = '') => {
    const made = figure(name);
    made.set(shown, note, tone);
    return made.element;
  };
  const { usage } = call;
  return h('dl', { class: 'figures' },
    one('Status', String(call.status), call.error ? said(call.error) : call.finish ?? '', call.error ? (call.status >= 500 ? 'bad' : 'warn') : ''),
    one('Duration', seconds(call.duration_s), call.ttft_s === null ? '' : `first token after ${seconds(call.ttft_s)}`),
    one('Overhead', seconds(call.overhead_s), 'spent in the gateway'),
    one('Cost', call.priced ? usd(call.cost_usd) : 'no price', `${usd(call.held_usd)} was held`),
    usage.images ? one('Images', count(usage.images), [call.image_quality, call.image_size].filter(Boolean).join(', '))
      : one('Tokens', count(usage.total_input + usage.total_output), `${count(usage.total_input)} in, ${count(usage.total_output)} out`),
    one('Attempts', String(call.attempts.length), call.provider ? `served by ${call.provider}` : 'served by nobody'));
}

const KINDS = { hold: 'hold', first: 'first', retry: 'retry', failover: 'failover', reply: 'to the client' };

function time(call) {
  const { rows, ticks, whole_s } = waterfall(call);
  if (!rows.length) return empty('Nobody was asked', 'It was refused before anything was held or sent.');
  const share = (value) => `${(value * 100).toFixed(3)}%`;
  const axis = h('div', { class: 'waterfall-row axis' }, h('span', { class: 'waterfall-label' }),
    h('div', { class: 'waterfall-track' }, ticks.filter((tick) => tick.left < 0.9).map((tick) => h('span', { class: 'tick', style: { left: share(tick.left) } }, tick.at_s ? seconds(tick.at_s) : '0'))));
  const lines = rows.map((row) => h('div', { class: 'waterfall-row' },
    h('span', { class: 'waterfall-label', title: row.label }, h('span', {}, row.label), h('span', { class: `sub ${row.tone}` }, row.kind === 'hold' ? `${row.end} in ${seconds(row.parts[0].to_s - row.parts[0].from_s)}` : row.end)),
    h('div', { class: 'waterfall-track' }, ticks.map((tick) => h('span', { class: 'grid-line', style: { left: share(tick.left) } })),
      row.parts.map((part) => h('span', { class: `part ${part.kind} ${row.tone}`, style: { left: share(part.left), width: `max(2px, ${share(part.width)})` } })),
      row.mark !== null && h('span', { class: 'first-token', style: { left: share(row.mark) } }))));
  const words = rows.map((row) => `${row.label}, ${row.end}, from ${seconds(row.parts[0].from_s)} to ${seconds(row.parts.at(-1).to_s)}`).join('; ');
  return [
    h('div', { class: 'waterfall', role: 'img', 'aria-label': `Waterfall of ${seconds(whole_s)}: ${words}` }, axis, lines),
    h('ul', { class: 'legend small muted', 'aria-hidden': 'true' }, [['hold', 'holding'], ['waiting', 'waiting for the first token'], ['receiving', 'receiving'], ['mark', 'first token']]
      .map(([kind, label]) => h('li', {}, h('span', { class: `key ${kind}` }), label))),
    table(stepColumns(call), rows, { caption: 'Steps of the call' }),
  ];
}

function stepColumns(call) {
  const attempts = call.attempts;
  const of = (row) => attempts[Number.parseInt(row.label, 10) - 1];
  const isAttempt = (row) => row.kind !== 'hold' && row.kind !== 'reply';
  return [
    { label: 'Step', cell: (row) => row.label },
    { label: 'Kind', cell: (row) => badge(KINDS[row.kind], row.kind === 'failover' || row.kind === 'retry' ? 'info' : 'quiet') },
    { label: 'How it ended', cell: (row) => h('span', { class: row.tone }, row.end, isAttempt(row) && of(row).status ? ` (${of(row).status})` : '') },
    { label: 'Began after', class: 'num', cell: (row) => seconds(row.parts[0].from_s) },
    { label: 'First token after', class: 'num', cell: (row) => (isAttempt(row) ? seconds(of(row).ttft_s) : NONE) },
    { label: 'Took', class: 'num', cell: (row) => seconds(row.parts.at(-1).to_s - row.parts[0].from_s) },
  ];
}

function cost(call, price) {
  if (!call.priced) return empty('No price', `What ${call.target} charges is not known, so the cost of 0 says nothing. Set a price in the configuration.`);
  const { parts, isExact } = split(call, price);
  const columns = [
    { label: 'What', cell: (part) => part.name },
    { label: 'Amount', class: 'num', cell: (part) => count(part.amount) },
    { label: 'USD a million', class: 'num', cell: (part) => (part.rate === null ? NONE : usd(part.rate)) },
    { label: 'Cost', class: 'num', cell: (part) => usd(part.usd) },
  ];
  return [
    parts.length ? table(columns, parts, { caption: 'What it cost' }) : empty('Nothing was consumed', 'It cost nothing.'),
    h('dl', { class: 'facts panel-body' }, fact('Billed', usdExact(call.cost_usd)), fact('Held while it ran', usdExact(call.held_usd)),
      parts.length > 0 && fact('Counted by', call.usage_official ? 'the provider' : 'the gateway: the provider sent no usage')),
    parts.length > 0 && !isExact && h('p', { class: 'muted small panel-body' }, 'The parts are by the price of the target now, and do not make the whole: the provider billed by itself, its price has tiers or lines of images, or it has changed since.'),
  ];
}

const fact = (name, ...value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));

function facts(call) {
  const listed = (name, value) => value !== null && h('a', { href: hash('calls', { [name]: value }) }, value);
  return h('dl', { class: 'facts panel-body' },
    fact('Arrived', inFull(call.at)),
    fact('Endpoint', call.endpoint, call.stream ? ', streamed' : ''),
    fact('Model', listed('model', call.model)),
    fact('Served by', call.target ?? 'nobody'),
    fact('Key', listed('key', call.key)),
    call.team && fact('Team', listed('team', call.team)),
    call.user && fact('End user', call.user),
    call.tags.length > 0 && fact('Tags', call.tags.join(', ')),
    call.trace_id && fact('Trace', h('span', { class: 'mono' }, call.trace_id)),
    fact('Routing', h('a', { href: hash('explain', { model: call.model, key: hasKey(call) ? call.key : '' }) }, 'Explain a call like it')));
}

/** Callers without a key have names that no key has. */
const hasKey = (call) => call.key !== 'anonymous' && !call.key.startsWith('oidc/');

function payload(call, me, signal) {
  if (!me.may('admin')) return h('p', { class: 'muted panel-body' }, 'It is kept, encrypted. Only the role admin may read it.');
  const box = h('div', { class: 'panel-body stack' });
  const show = h('button', { type: 'button', class: 'button', onclick: () => loaded(box, signal, () => api.get(`/calls/${encodeURIComponent(call.id)}/payload${queryOf({ number: call.number })}`, { signal }), contentOf) }, 'Show what was said');
  put(box, h('p', { class: 'muted' }, 'It is kept, encrypted. That you read it is written into the audit log.'), h('div', { class: 'row' }, show));
  return box;
}

function contentOf(content) {
  const part = (name, text, size) => [h('h3', {}, name), text ? h('pre', { class: 'said', tabindex: '0', role: 'region', 'aria-label': name }, pretty(text)) : h('p', { class: 'muted' }, 'Nothing.'),
    h('p', { class: 'hint' }, `${count(size)} bytes${content.whole ? '' : ', of which the beginning is kept'}`)];
  return [part('Request', content.request, content.request_bytes), part('Reply', content.reply, content.reply_bytes)];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
