// Who may call: the keys of the configuration's file, and those that can be changed here.

import { budgetsCell, hasCeilings, limitsCell, usageOf } from '../allowances.js';
import { api, query as queryOf } from '../api.js';
import { add, h, put } from '../dom.js';
import { hash, read } from '../filters.js';
import { at, atTime, inFull, onDay } from '../format.js';
import { icon } from '../icons.js';
import { changeKey, createKey, revokeKey, rotateKey } from '../key_changes.js';
import { badge, empty, failed, head, loading, panel, putAnew, stale, table } from '../parts.js';
import { poll } from '../poll.js';

export const title = 'Keys';

const FILTERS = ['team', 'search', 'revoked'];
const TONES = { live: 'good', expired: 'warn', revoked: 'quiet' };
const USAGE_EVERY_MS = 10_000;

export default async function page(root, { signal, query, me }) {
  const mayChange = me.may('operator');
  const filters = read(query, FILTERS);
  const [{ data: teams }, { data: models }] = await Promise.all([api.get('/teams', { signal }), api.get('/models', { signal })]);
  const facts = { teams: teams.map((team) => team.name), models: models.map((model) => model.name), signal };
  const list = h('div', {}, loading());
  const trouble = h('div');
  let keys = [];
  let next = null;
  let usage = new Map();

  async function load(after = '') {
    const asked = { team: filters.team, revoked: filters.revoked && 'true', after };
    const page = await api.get(`/keys${queryOf(asked)}`, { signal });
    keys = after ? [...keys, ...page.data] : page.data;
    next = page.next;
    await findByName();
    show();
    await refresh();
  }
  /** What is searched for may be on a page that is not here yet: ask for the key of that very name. */
  async function findByName() {
    const name = filters.search;
    if (!name || !next || keys.some((key) => key.name === name)) return;
    const { data } = await api.get(`/keys${queryOf({ name })}`, { signal });
    keys = [...data, ...keys];
  }
  async function refresh() {
    const scopes = found().filter((key) => hasCeilings(key) && key.status !== 'revoked').map((key) => `key ${key.name}`);
    if (!scopes.length) return;
    usage = await usageOf(scopes, signal);
    for (const cell of list.querySelectorAll('[data-usage]')) fill(cell, keys.find((key) => identity(key) === cell.dataset.of));
  }
  const identity = (key) => key.id ?? `file:${key.name}`;
  const found = () => keys.filter((key) => !filters.search || [key.name, key.id, key.team, ...key.tags].some((text) => text?.toLowerCase().includes(filters.search.toLowerCase())));
  const again = (made) => load().catch((error) => put(list, failed(error, () => again(made))));
  const cell = (what) => (key) => fill(h('div', { dataset: { usage: what, of: identity(key) } }), key);
  const fill = (box, key) => put(box, (box.dataset.usage === 'limits' ? limitsCell : budgetsCell)(key, usage.get(`key ${key.name}`)));

  const columns = [
    { label: 'Name', cell: (key) => [key.name, h('span', { class: 'sub' }, key.id ? h('span', { class: 'mono' }, `sk-sl-${key.id}-…`) : 'from the file')] },
    { label: 'State', cell: (key) => badge(key.status, TONES[key.status]) },
    { label: 'Team', cell: (key) => key.team ?? h('span', { class: 'muted' }, 'none') },
    { label: 'Models', cell: (key) => h('span', { class: 'globs' }, key.models.join(', ') === '*' ? 'all' : key.models.join(', ')) },
    { label: 'Limits', cell: cell('limits') },
    { label: 'Budgets', cell: cell('budgets') },
    { label: 'Expires', cell: (key) => (key.expires_at ? h('span', { title: inFull(key.expires_at), class: 'nowrap' }, onDay(key.expires_at), h('span', { class: 'sub' }, atTime(key.expires_at))) : h('span', { class: 'muted' }, 'never')) },
    { label: h('span', { class: 'hidden' }, 'Actions'), class: 'row-actions', cell: (key) => actions(key, { ...facts, again, mayChange }) },
  ];
  function show() {
    const rows = found();
    const more = next && h('div', { class: 'panel-body row' }, h('button', { type: 'button', class: 'button', onclick: () => load(next).catch((error) => put(list, failed(error, again))) }, 'More keys'));
    putAnew(list, rows.length ? [table(columns, rows, { caption: 'Keys' }), more] : [none(), more]);
  }
  function none() {
    if (filters.search || filters.team) return empty('No key fits', 'Change what you search for, or the team.');
    return empty('No keys yet', mayChange ? 'Without any key in the file, whoever reaches the loopback address may call. Create a key for each program that calls, with limits and a budget of its own.' : 'Somebody with the role operator can create one.');
  }
  function filter(change) {
    Object.assign(filters, change);
    history.replaceState(null, '', hash('keys', filters));
  }

  add(root,
    head('Keys', 'Who may call, what they may use, and how much of it is used.',
      mayChange && h('button', { type: 'button', class: 'button primary', onclick: () => createKey({ ...facts, again }) }, icon('plus'), 'Create a key')),
    trouble,
    panel('All keys', { aside: h('div', { class: 'filters' },
      labelled('Search', h('input', { type: 'search', value: filters.search ?? '', placeholder: 'Name, team or tag', oninput: (event) => { filter({ search: event.target.value.trim() }); show(); later(() => findByName().then(show).then(refresh)); } })),
      labelled('Team', h('select', { value: filters.team ?? '', onchange: (event) => { filter({ team: event.target.value }); again(); } }, h('option', { value: '' }, 'All teams'), facts.teams.map((team) => h('option', { value: team }, team)))),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: Boolean(filters.revoked), onchange: (event) => { filter({ revoked: event.target.checked ? 'yes' : '' }); again(); } }), 'Revoked too'),
    ) }, list));
  const later = debounced(signal);
  await load();
  poll(USAGE_EVERY_MS, signal, async () => {
    await refresh();
    put(trouble);
  }, (error, since) => put(trouble, stale(error, since)));
}

const labelled = (label, control) => h('label', {}, h('span', { class: 'hidden' }, label), control);

/** Runs what it is given last, a moment after the last time. */
function debounced(signal) {
  let timer = 0;
  signal.addEventListener('abort', () => clearTimeout(timer));
  return (then) => {
    clearTimeout(timer);
    timer = setTimeout(() => then().catch(() => {}), 300);
  };
}

function actions(key, { mayChange, ...facts }) {
  const calls = h('a', { class: 'button small quiet', href: hash('calls', { key: key.name }), 'aria-label': `Calls of ${key.name}` }, 'Calls');
  const note = (text, about) => h('div', { class: 'row tight' }, calls, h('span', { class: 'muted small', title: about }, text));
  if (key.source === 'config') return note('Read only: in the file', 'The configuration’s file has this key: only a change of the file changes it.');
  if (key.status === 'revoked') return note(`Revoked ${at(key.revoked_at)}`, inFull(key.revoked_at));
  if (!mayChange) return calls;
  const button = (label, act) => h('button', { type: 'button', class: 'button small', 'aria-label': `${label} ${key.name}`, onclick: () => act(key, facts) }, label);
  return h('div', { class: 'row tight' }, calls, button('Edit', changeKey), button('Rotate', rotateKey), button('Revoke', revokeKey));
}
