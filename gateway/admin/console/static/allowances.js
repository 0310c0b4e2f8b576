// What keys and teams may and have used, as pages show it.

import { api } from './api.js';
import { h } from './dom.js';
import { compact, count, span, usd, usdExact } from './format.js';
import { bar } from './parts.js';
import { LIMITS, window } from './terms.js';

const MEASURES = { rpm: 'requests', tpm: 'tokens', images_per_minute: 'images', concurrency: 'concurrency' };
// Long names in the address of one question: well below what a server takes.
const AT_ONCE = 50;

/** How the limits and budgets of `scopes` (`key ci`) stand: a Map from the scope to its rows of `/usage`. */
export async function usageOf(scopes, signal) {
  const found = new Map();
  for (let i = 0; i < scopes.length; i += AT_ONCE) {
    const asked = new URLSearchParams(scopes.slice(i, i + AT_ONCE).map((scope) => ['scope', scope]));
    const { data } = await api.get(`/usage?${asked}`, { signal });
    for (const row of data) found.set(row.scope, [...(found.get(row.scope) ?? []), row]);
  }
  return found;
}

export const hasCeilings = (record) => record.budgets.length > 0 || LIMITS.some(([name]) => record.limits[name] !== null);

/** Each limit of `record`, with what is used of it where `rows` know. */
export function limitsCell(record, rows = []) {
  const said = LIMITS.filter(([name]) => record.limits[name] !== null).map(([name, label, short]) => {
    const row = rows.find((each) => each.measure === MEASURES[name]);
    const most = record.limits[name];
    const used = row ? `${compact(row.used)} of ` : '';
    return h('li', { class: 'nowrap', title: `${label}: ${row ? `${count(row.used)} used of ` : ''}${count(most)}` }, `${used}${compact(most)} ${short}`);
  });
  return said.length ? h('ul', { class: 'small' }, said) : h('span', { class: 'muted' }, 'no limits');
}

/** Each budget of `record`, with a bar of what is spent where `rows` know. */
export function budgetsCell(record, rows = []) {
  if (!record.budgets.length) return h('span', { class: 'muted' }, 'no budget');
  return h('ul', { class: 'budgets' }, record.budgets.map((budget) => {
    const row = rows.find((each) => each.measure === 'budget' && each.per === budget.per);
    const of = `${usd(budget.usd)} ${window(budget.per)}`;
    if (!row) return h('li', { class: 'small nowrap' }, of);
    const held = Number(row.usd.held) > 0 ? `, ${usd(row.usd.held)} of it held by calls under way` : '';
    const resets = row.reset_in_s === null ? 'never resets' : `resets in ${span(row.reset_in_s)}`;
    return h('li', { title: `${usdExact(row.usd.used)} of ${usdExact(row.usd.limit)}${held}; ${resets}` },
      h('span', { class: 'small nowrap' }, `${usd(row.usd.used)} of ${of}`),
      bar(row.used, row.limit, { held: row.held, label: `${usd(row.usd.used)} of ${of} used${held}` }));
  }));
}
