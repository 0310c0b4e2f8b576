// Keys that share limits and budgets.

import { budgetsCell, limitsCell, usageOf } from '../allowances.js';
import { api } from '../api.js';
import { add, h, put } from '../dom.js';
import { hash } from '../filters.js';
import { icon } from '../icons.js';
import { confirmed, empty, failed, head, loading, panel, putAnew, stale, table, toast } from '../parts.js';
import { poll } from '../poll.js';
import { made, patch, shown } from '../terms.js';
import { termsDialog } from '../terms_form.js';

export const title = 'Teams';

const EMPTY = { name: '', tags: '', limits: {}, budgets: [{ usd: '', per: 'month' }] };
const USAGE_EVERY_MS = 10_000;
const at = (team) => `/teams/${encodeURIComponent(team.name)}`;
const onlyIf = (team) => ({ headers: { 'if-match': `"${team.version}"` } });

export default async function page(root, { signal, me }) {
  const mayChange = me.may('operator');
  const list = h('div', {}, loading());
  const trouble = h('div');
  let teams = [];
  let usage = new Map();
  async function load() {
    ({ data: teams } = await api.get('/teams', { signal }));
    show();
    await refresh();
  }
  async function refresh() {
    if (!teams.length) return;
    usage = await usageOf(['team'], signal);
    for (const cell of list.querySelectorAll('[data-usage]')) fill(cell, teams.find((team) => team.name === cell.dataset.of));
  }
  const again = () => load().catch((error) => put(list, failed(error, again)));
  const fill = (box, team) => put(box, (box.dataset.usage === 'limits' ? limitsCell : budgetsCell)(team, usage.get(`team ${team.name}`)));
  const cell = (what) => (team) => fill(h('div', { dataset: { usage: what, of: team.name } }), team);
  const columns = [
    { label: 'Name', cell: (team) => [team.name, team.tags.length > 0 && h('span', { class: 'sub' }, team.tags.join(', '))] },
    { label: 'Limits on all its keys', cell: cell('limits') },
    { label: 'Budgets', cell: cell('budgets') },
    { label: h('span', { class: 'hidden' }, 'Actions'), class: 'row-actions', cell: (team) => actions(team, { again, mayChange, signal }) },
  ];
  function show() {
    putAnew(list, teams.length ? table(columns, teams, { caption: 'Teams' })
      : empty('No teams yet', mayChange ? 'Create a team to give several keys one budget and one set of limits.' : 'Somebody with the role operator can create one.'));
  }
  add(root,
    head('Teams', 'Keys that share limits and budgets. What a team may holds beside what each of its keys may.',
      mayChange && h('button', { type: 'button', class: 'button primary', onclick: () => create({ again, signal }) }, icon('plus'), 'Create a team')),
    trouble,
    panel('All teams', {}, list));
  await load();
  poll(USAGE_EVERY_MS, signal, async () => {
    await refresh();
    put(trouble);
  }, (error, since) => put(trouble, stale(error, since)));
}

function actions(team, { mayChange, ...facts }) {
  const link = (page, label) => h('a', { class: 'button small quiet', href: hash(page, { team: team.name }), 'aria-label': `${label} of ${team.name}` }, label);
  const links = [link('keys', 'Keys'), link('calls', 'Calls')];
  if (team.source === 'config') {
    return h('div', { class: 'row tight' }, links, h('span', { class: 'muted small', title: 'The configuration’s file has this team: only a change of the file changes it.' }, 'Read only: in the file'));
  }
  if (!mayChange) return h('div', { class: 'row tight' }, links);
  const button = (label, act) => h('button', { type: 'button', class: 'button small', 'aria-label': `${label} ${team.name}`, onclick: () => act(team, facts) }, label);
  return h('div', { class: 'row tight' }, links, button('Edit', change), button('Delete', remove));
}

function create({ again, signal }) {
  termsDialog('Create a team', { kind: 'team', values: EMPTY, isNew: true, action: 'Create', signal, save: async (values) => {
    const team = await api.post('/teams', made(values), { signal });
    toast(`${team.name} is created.${team.warning ? ` ${team.warning}` : ''}`);
    again();
  } });
}

function change(team, { again, signal }) {
  const reload = async () => {
    again();
    change(await api.get(at(team), { signal }), { again, signal });
  };
  termsDialog(`Edit ${team.name}`, { kind: 'team', values: shown(team), action: 'Save', signal, reload, save: async (values) => {
    const said = patch(team, values);
    if (Object.keys(said).length) {
      await api.patch(at(team), said, { ...onlyIf(team), signal });
      toast(`${team.name} is changed.`);
    }
    again();
  } });
}

async function remove(team, { again, signal }) {
  const text = `A team that still has keys is not deleted: revoke them first, or give them to another team.`;
  if (!(await confirmed(`Delete ${team.name}?`, text, { action: `Delete ${team.name}`, isDangerous: true, signal }))) return;
  try {
    await api.delete(at(team), undefined, { ...onlyIf(team), signal });
    toast(`${team.name} is deleted.`);
  } catch (error) {
    toast(error.message, 'bad');
  }
  again();
}
