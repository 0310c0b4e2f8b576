// What a call of the playground took, below its answer; and why one failed.

import { h } from './dom.js';
import { hash } from './filters.js';
import { count, seconds, usd, usdExact } from './format.js';
import { notice } from './parts.js';

/** A line of figures. Those that are null or undefined are left out. `id` is the call's. */
export function factsLine({ id, provider, model, input, output, cost_usd: cost, attempts, ttft_s: ttft, duration_s: duration, overhead_s: overhead }) {
  const said = (name, value, title) => h('div', { title }, h('dt', {}, name), h('dd', {}, value));
  return h('dl', { class: 'answer-facts' },
    provider && said('Served by', `${provider}/${model}`),
    input !== undefined && said('Tokens', `${count(input)} in, ${count(output)} out`),
    cost !== null && cost !== undefined && said('Cost', usd(cost), usdExact(cost)),
    attempts !== null && attempts !== undefined && said('Attempts', count(attempts)),
    ttft !== undefined && said('First token', seconds(ttft), 'As this page saw it'),
    duration !== undefined && said('Duration', seconds(duration), 'As this page saw it'),
    overhead !== null && overhead !== undefined && said('Overhead', seconds(overhead), 'Spent in the gateway before the answer began'),
    id && said('Call', h('a', { href: hash(`calls/${encodeURIComponent(id)}`, {}) }, 'See its attempts')));
}

/** OpenAI's error object as the gateway sent it. */
export function problem(error) {
  const what = [error.status > 200 && error.status, error.code ?? error.type].filter(Boolean).join(' ');
  const element = notice('bad', what && h('p', {}, h('strong', {}, what)), h('p', {}, error.message),
    error.param && h('p', { class: 'hint' }, `The field is ${error.param}.`),
    error.id && h('p', {}, h('a', { href: hash(`calls/${encodeURIComponent(error.id)}`, {}) }, 'See the call')));
  element.setAttribute('role', 'alert');
  return element;
}

/** Nano-exact text of a cost that JSON has as a number; null stays null. */
export const costText = (number) => (typeof number === 'number' ? number.toFixed(9).replace(/\.?0+$/, '') : null);
