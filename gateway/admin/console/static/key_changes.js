// What an operator does to keys: create, change, rotate, revoke. `facts`: `{teams, models, again, signal}`, where `again()` shows the list anew.

import { api } from './api.js';
import { h } from './dom.js';
import { span } from './format.js';
import { showKey } from './key_shown.js';
import { confirmed, dialog, failed, field, toast } from './parts.js';
import { allowed, made, patch, shown } from './terms.js';
import { termsDialog } from './terms_form.js';

const EMPTY = { name: '', team: '', models: '*', tags: '', expires: '', limits: {}, budgets: [{ usd: '', per: 'day' }] };
const OVERLAPS_S = [0, 3600, 86_400, 7 * 86_400];

const at = (key) => `/keys/${encodeURIComponent(key.id)}`;
const onlyIf = (key) => ({ headers: { 'if-match': `"${key.version}"` } });

export function createKey({ teams, models, again, signal }) {
  termsDialog('Create a key', { kind: 'key', values: EMPTY, teams, models, isNew: true, action: 'Create', signal, save: async (values) => {
    const key = await api.post('/keys', made(values), { signal });
    again();
    return () => showKey(key, allowed(models, key.models), signal);
  } });
}

export function changeKey(key, { teams, models, again, signal }) {
  const reload = async () => {
    again();
    changeKey(await api.get(at(key), { signal }), { teams, models, again, signal });
  };
  termsDialog(`Edit ${key.name}`, { kind: 'key', values: shown(key), teams, models, action: 'Save', signal, reload, save: async (values) => {
    const change = patch(key, values);
    if (Object.keys(change).length) {
      const { warning } = await api.patch(at(key), change, { ...onlyIf(key), signal });
      toast(`${key.name} is changed.${warning ? ` ${warning}` : ''}`);
    }
    again();
  } });
}

export function rotateKey(key, { models, again, signal }) {
  const overlap = h('select', {}, OVERLAPS_S.map((s) => h('option', { value: s }, s ? span(s) : 'not at all: it has leaked')));
  overlap.value = '86400';
  const problem = h('div');
  const go = h('button', { type: 'button', class: 'button primary', onclick: async () => {
    try {
      const fresh = await api.post(`${at(key)}/rotate`, { overlap_s: Number(overlap.value) }, { ...onlyIf(key), signal });
      asked.close();
      again();
      showKey(fresh, allowed(models, fresh.models), signal);
    } catch (error) {
      problem.replaceChildren(failed(error.status === 409 ? { message: 'Somebody has changed this key since the list was loaded. Nothing was done: close this, and look at it again.' } : error));
      if (error.status === 409) again();
    }
  } }, 'Rotate');
  const cancel = h('button', { type: 'button', class: 'button', onclick: () => asked.close() }, 'Cancel');
  const asked = dialog(`Rotate ${key.name}`, { signal, actions: [cancel, go], body: h('div', { class: 'stack' },
    h('p', {}, 'The key gets a new secret. Its name, its limits and what it has spent stay.'), field('The old secret still works for', overlap), problem) });
}

export async function revokeKey(key, { again, signal }) {
  const text = `Programs that call with ${key.name} are refused from now on, for good. Its calls and its spend stay in the reports.`;
  if (!(await confirmed(`Revoke ${key.name}?`, text, { action: `Revoke ${key.name}`, isDangerous: true, signal }))) return;
  try {
    await api.delete(at(key), undefined, { ...onlyIf(key), signal });
    toast(`${key.name} is revoked.`);
  } catch (error) {
    toast(error.status === 409 ? `${key.name} was changed by somebody meanwhile, and is not revoked: look at it again.` : error.message, 'bad');
  }
  again();
}
