// Whom the playground calls as. A key is held in memory only: it is gone with the tab, and never in any storage.

import { api } from './api.js';
import { h, put } from './dom.js';
import { atTime } from './format.js';
import { field, toast } from './parts.js';

const LIVES_S = 3_600;
const BUDGET = { usd: 1, per: 'total' };
let held = { way: null, pasted: '', made: null };

/** Who calls, and the controls to choose. `isOpen`: the gateway lets in whoever comes. Gives `{element, key()}`, where `key()` is null for none. */
export function callerKey({ me, isOpen, signal }) {
  const ways = [
    me.may('operator') && ['made', 'A key for an hour'],
    ['pasted', 'A key of mine'],
    isOpen && ['none', 'No key'],
  ].filter(Boolean);
  if (!ways.some(([way]) => way === held.way)) held.way = isOpen ? 'none' : ways[0][0];
  const detail = h('div');
  const show = () => put(detail, held.way === 'made' ? forAnHour(show, signal) : held.way === 'pasted' ? pasted() : h('p', { class: 'hint' }, 'The gateway is open on this address: calls without a key are counted as anonymous.'));
  const choice = ([way, label]) => h('label', {}, h('input', { type: 'radio', name: 'caller', value: way, checked: held.way === way, onchange: () => { held.way = way; show(); } }), label);
  show();
  return {
    element: h('fieldset', { class: 'stack' }, h('legend', {}, 'Call with'), h('div', { class: 'choices' }, ways.map(choice)), detail),
    key: () => (held.way === 'made' ? alive()?.key ?? null : held.way === 'pasted' ? held.pasted.trim() || null : null),
    isReady: () => held.way === 'none' || (held.way === 'made' ? Boolean(alive()) : Boolean(held.pasted.trim())),
  };
}

const alive = () => (held.made && Date.parse(held.made.expires_at) > Date.now() ? held.made : null);

function pasted() {
  return field('Key', h('input', { type: 'password', value: held.pasted, autocomplete: 'off', placeholder: 'sk-sl-…', oninput: (event) => { held.pasted = event.target.value; } }), 'Stays in the memory of this tab.');
}

function forAnHour(show, signal) {
  const made = alive();
  if (made) {
    return h('div', { class: 'row' }, h('p', { class: 'hint' }, `${made.name}, until ${atTime(made.expires_at)}, for $1 in all.`),
      h('button', { type: 'button', class: 'button small', onclick: (event) => act(event.target, () => revoke(made, signal), show) }, 'Revoke it now'));
  }
  return h('div', { class: 'stack' }, h('p', { class: 'hint' }, 'Makes a key named playground-… that may use every model, spends $1 at most and ends in an hour.'),
    h('div', { class: 'row' }, h('button', { type: 'button', class: 'button', onclick: (event) => act(event.target, () => make(signal), show) }, 'Make a key')));
}

async function act(button, what, show) {
  button.disabled = true;
  try {
    await what();
    show();
  } catch (error) {
    button.disabled = false;
    if (error.name !== 'AbortError') toast(error.message, 'bad');
  }
}

async function make(signal) {
  const name = `playground-${[...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  const expires = new Date(Date.now() + LIVES_S * 1000).toISOString();
  held.made = await api.post('/keys', { name, budgets: [BUDGET], expires, tags: ['playground'] }, { signal });
}

async function revoke(made, signal) {
  await api.delete(`/keys/${encodeURIComponent(made.id)}`, undefined, { signal });
  held.made = null;
  toast(`${made.name} is revoked.`);
}
