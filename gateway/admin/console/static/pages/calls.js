// Single calls, as they end; and one of them with where its time and its money went.

import { api, query as queryOf } from '../api.js';
import { callPage } from '../call.js';
import { add, h, put } from '../dom.js';
import { hash, question, read } from '../filters.js';
import { at, compact, inFull, seconds, usd, usdExact } from '../format.js';
import { badge, empty, failed, head, loading, notice, panel, stale, table } from '../parts.js';
import { poll } from '../poll.js';
import { said } from '../waterfall.js';

export const title = 'Calls';

const FILTERS = ['model', 'key', 'team', 'provider', 'status', 'result', 'endpoint', 'span', 'id'];
const STATUSES = [['2xx', 'Answered (2xx)'], ['4xx', 'Refused (4xx)'], ['429', 'Over a limit (429)'], ['499', 'Hung up (499)'], ['5xx', 'Failed (5xx)']];
const SPANS = [['15m', '15 minutes'], ['1h', 'hour'], ['1d', 'day'], ['7d', '7 days']];
const ENDPOINTS = ['chat/completions', 'images/generations', 'images/edits', 'images/variations', 'embeddings'];
const FOLLOW_MS = 2_000;
const AT_ONCE = 100;

export default async function page(root, { signal, params, query, me }) {
  if (params[0]) return callPage(root, { id: params.join('/'), number: query.get('number'), signal, me });
  return list(root, { signal, query });
}

async function list(root, { signal, query }) {
  const filters = read(query, FILTERS);
  const body = h('div', {}, loading());
  const rows = rowsOf(body);
  const following = h('input', { type: 'checkbox', checked: true, onchange: (event) => event.target.checked && refresh().catch(show) });
  const older = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => more().catch(show) }, 'Older calls');
  const trouble = h('div');
  let next = null;
  let turns = 0;

  const ask = (cursor) => api.get(`/calls${queryOf({ ...question(filters, Date.now()), limit: AT_ONCE, cursor })}`, { signal });
  async function refresh() {
    const turn = ++turns;
    const page = await ask();
    // An answer to a question that has been put anew since is of no use.
    if (turn !== turns) return;
    put(trouble);
    rows.begin(page.data, Object.values(filters).some(Boolean));
    next = page.next;
    older.hidden = next === null;
  }
  async function more() {
    following.checked = false;
    const page = await ask(next);
    rows.append(page.data);
    next = page.next;
    older.hidden = next === null;
  }
  const show = (error) => put(body, failed(error, () => refresh().catch(show)));
  const filter = (change) => {
    Object.assign(filters, change);
    history.replaceState(null, '', hash('calls', filters));
    rows.forget();
    refresh().catch(show);
  };

  add(root,
    head('Calls', 'Each call that ended on this gateway, the last one first. Open one to see where its time and money went.'),
    trouble,
    panel('Calls', { aside: h('label', { class: 'check' }, following, 'Follow') }, filterBar(filters, filter, signal), body, h('div', { class: 'panel-body more' }, older)));
  try {
    await refresh();
  } catch (error) {
    if (error.code !== 'calls_disabled') throw error;
    put(body, notice('info', h('p', {}, error.message), h('p', { class: 'muted' }, 'Set calls.enabled to true in the configuration to keep a record of each call, without its content.')));
    return;
  }
  poll(FOLLOW_MS, signal, async () => following.checked && refresh(), (error, since) => put(trouble, stale(error, since)));
}

const columns = [
  { label: 'Time', class: 'nowrap', cell: (call) => h('a', { href: hash(`calls/${encodeURIComponent(call.id)}`, { number: call.number }), title: inFull(call.at), 'aria-label': `Call ${call.id} of ${at(call.at)}` }, at(call.at)) },
  { label: 'Status', cell: (call) => [statusBadge(call), call.error && h('span', { class: 'sub nowrap' }, said(call.error))] },
  { label: 'Model', cell: (call) => [call.model, h('span', { class: 'sub nowrap' }, call.endpoint, call.stream && ', stream')] },
  { label: 'Key', cell: (call) => [call.key, call.team && h('span', { class: 'sub' }, call.team)] },
  { label: 'Served by', cell: (call) => [call.target ?? h('span', { class: 'muted' }, 'nobody'), call.attempts.length > 1 && h('span', { class: 'sub' }, `${call.attempts.length} attempts`)] },
  { label: 'Tokens in, out', class: 'num', cell: (call) => (call.usage.images ? `${call.usage.images} ${call.usage.images === 1 ? 'image' : 'images'}` : `${compact(call.usage.total_input)}, ${compact(call.usage.total_output)}`) },
  { label: 'Cost', class: 'num', cell: (call) => h('span', { title: call.priced ? usdExact(call.cost_usd) : 'The price of the target is not known.' }, call.priced ? usd(call.cost_usd) : 'no price') },
  { label: 'First token', class: 'num', cell: (call) => seconds(call.ttft_s) },
  { label: 'Duration', class: 'num', cell: (call) => seconds(call.duration_s) },
];

export function statusBadge(call) {
  const tone = call.status < 400 && !call.error ? 'good' : call.status >= 500 || call.status < 400 ? 'bad' : 'warn';
  return badge(call.status, tone);
}

/** The table, to which calls are added at either end: a row that has the focus keeps it. */
function rowsOf(body) {
  // Not by their ids: clients choose them, and may give several calls the same.
  const identity = (call) => call.number;
  let shown = [];
  let lines = null;
  const made = (calls) => table(columns, calls, { caption: 'Calls' });
  const linesOf = (calls) => [...made(calls).querySelector('tbody').children];
  return {
    forget() {
      shown = [];
    },
    begin(calls, isFiltered) {
      const known = new Set(shown.map(identity));
      const overlap = calls.findIndex((call) => known.has(identity(call)));
      if (overlap < 0 || !lines?.isConnected) {
        shown = calls;
        put(body, calls.length ? made(calls) : none(isFiltered));
        lines = body.querySelector('tbody');
        return;
      }
      const fresh = calls.slice(0, overlap);
      lines.prepend(...linesOf(fresh));
      shown = [...fresh, ...shown].slice(0, AT_ONCE);
      while (lines.children.length > AT_ONCE) lines.lastElementChild.remove();
    },
    append(calls) {
      shown = [...shown, ...calls];
      lines.append(...linesOf(calls));
    },
  };
}

function none(isFiltered) {
  return isFiltered
    ? empty('No call fits', 'Take away a filter, or look further back.')
    : empty('No calls yet', 'They appear here when they end. Make one in the playground.', h('a', { class: 'button', href: '#/playground' }, 'Open the playground'));
}

function filterBar(filters, filter, signal) {
  const labelled = (label, control) => h('label', { class: 'field' }, h('span', { class: 'label' }, label), control);
  const choice = (name, label, options) => labelled(label, h('select', { value: filters[name] ?? '', onchange: (event) => filter({ [name]: event.target.value }) },
    h('option', { value: '' }, 'All'), options.map(([value, text]) => h('option', { value }, text))));
  const text = (name, label, listId) => labelled(label, h('input', { value: filters[name] ?? '', list: listId, autocomplete: 'off', spellcheck: 'false', onchange: (event) => filter({ [name]: event.target.value.trim() }) }));
  const names = (id) => h('datalist', { id });
  const lists = { models: names('model-names'), providers: names('provider-names'), teams: names('team-names'), keys: names('key-names') };
  for (const [path, list] of Object.entries(lists)) {
    api.get(`/${path}`, { signal }).then(({ data }) => put(list, data.map((row) => h('option', { value: row.name }))), () => {});
  }
  // On a narrow screen they would fill it.
  const isOpen = matchMedia('(min-width: 801px)').matches || Object.values(filters).some(Boolean);
  return h('details', { class: 'folded', open: isOpen }, h('summary', {}, 'Filters'), h('div', { class: 'filters', role: 'search', 'aria-label': 'Filters of calls' },
    text('model', 'Model', 'model-names'), text('key', 'Key', 'key-names'), text('team', 'Team', 'team-names'), text('provider', 'Provider', 'provider-names'),
    choice('status', 'Status', STATUSES), choice('result', 'Result', [['failed', 'With an error'], ['fine', 'Without']]),
    choice('endpoint', 'Endpoint', ENDPOINTS.map((name) => [name, name])), choice('span', 'Last', SPANS), text('id', 'Request id'), Object.values(lists)));
}
