// What can serve each model: is it healthy, how fast is it, what does it cost.

import { api } from '../api.js';
import { add, h, put } from '../dom.js';
import { NONE, count, percent, rate, seconds, span, usd } from '../format.js';
import { badge, empty, figure, head, loading, panel, renewRows, scrolling, stale, tableRow } from '../parts.js';
import { poll } from '../poll.js';

export const title = 'Targets';

const VIEWS = [['on', 'On'], ['trouble', 'In trouble'], ['off', 'Off'], ['all', 'All']];
const isSeen = ({ vitals: { whole, streamed } }) => whole.idle_s !== null || streamed.idle_s !== null;
const COLUMNS = [
  { label: 'Target', cell: (row) => [row.provider, h('span', { class: 'sub' }, [row.upstream_model, row.region].filter(Boolean).join(' · '))] },
  { label: 'State', cell: (row) => [badge(standing(row).said, standing(row).tone), standing(row).why && h('span', { class: 'sub' }, standing(row).why)] },
  { label: 'Success', class: 'num', cell: (row) => (isSeen(row) ? percent(row.vitals.success_rate) : NONE) },
  { label: 'In flight', class: 'num', cell: (row) => count(row.vitals.in_flight) },
  { label: 'First token', class: 'num', cell: (row) => seconds(row.vitals.streamed.ttft_s) },
  { label: 'Whole reply', class: 'num', cell: (row) => expected(row) },
  { label: 'Speed', class: 'num', cell: ({ vitals: { streamed } }) => (streamed.per_token_s ? `${rate(1 / streamed.per_token_s)} tok/s` : NONE) },
  { label: 'Price in / out', class: 'num', cell: (row) => price(row.price) },
  { label: 'Quality', class: 'num', cell: (row) => quality(row.quality) },
];

export default async function page(root, { signal }) {
  let view = 'on';
  let rows = null;
  let found = '';
  const figures = { on: figure('On'), trouble: figure('In trouble'), off: figure('Off'), flight: figure('In flight') };
  const trouble = h('div');
  const list = h('tbody', { role: 'rowgroup' });
  const body = h('div', {}, loading());
  const search = h('input', { type: 'search', placeholder: 'Find a model or provider', 'aria-label': 'Find a model or provider', oninput: () => { found = search.value.trim().toLowerCase(); show(); } });
  const choices = h('fieldset', { class: 'choices' }, h('legend', { class: 'hidden' }, 'Which targets'),
    VIEWS.map(([name, label]) => h('label', {}, h('input', { type: 'radio', name: 'view', value: name, checked: name === view, onchange: () => { view = name; show(); } }), label)));
  const whole = scrolling('Targets', h('table', { role: 'table' }, h('caption', { class: 'hidden' }, 'Targets by model'),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, COLUMNS.map(({ label, class: kind }) => h('th', { scope: 'col', role: 'columnheader', class: kind }, label)))), list));
  const { settings } = await api.get('/config', { signal });
  const { workers } = settings.server;
  const learnt = workers > 1 ? `Each of the ${workers} workers learns by itself how they do; figures are of the one that answers, and may jump from one to another.` : '';
  add(root, head(title, `A target is a provider’s model that can serve a public one. ${learnt}`),
    trouble, h('dl', { class: 'figures' }, Object.values(figures).map((each) => each.element)),
    panel('By model', { aside: h('div', { class: 'row' }, h('div', { class: 'search' }, search), choices) }, body));

  function show() {
    if (rows === null) return;
    const shown = rows.filter((row) => (view === 'all' || standing(row).view.includes(view))
      && (!found || `${row.model} ${row.id}`.toLowerCase().includes(found)));
    const models = [...new Set(shown.map((row) => row.model))];
    renewRows(list, models.flatMap((model) => [
      h('tr', { class: 'group', role: 'row' }, h('th', { colspan: String(COLUMNS.length), scope: 'rowgroup', role: 'rowheader' }, model)),
      ...shown.filter((row) => row.model === model).map((row) => tableRow(COLUMNS, row, row.off_because ? { class: 'off' } : {})),
    ]));
    if (!shown.length) put(body, nothing(view, found));
    else if (!whole.isConnected) put(body, whole);
  }

  await poll(2000, signal, async () => {
    rows = (await api.get('/targets', { signal })).data;
    put(trouble);
    showFigures(figures, rows);
    show();
  }, (error, since) => put(trouble, stale(error, since)));
}

function showFigures(figures, rows) {
  const distinct = [...new Map(rows.map((row) => [row.id, row])).values()];
  const of = (name) => distinct.filter((row) => standing(row).view.includes(name));
  figures.on.set(count(of('on').length), `of ${count(distinct.length)} targets`);
  figures.trouble.set(count(of('trouble').length), of('trouble').map((row) => row.provider).join(', '), of('trouble').length ? 'warn' : '');
  figures.off.set(count(of('off').length), of('off').length ? 'for want of a credential, or switched off' : '');
  figures.flight.set(count(distinct.reduce((sum, row) => sum + row.vitals.in_flight, 0)), 'calls under way');
}

/** In which views a target is shown, and the badge that says how it stands. */
function standing(row) {
  if (row.off_because) return { view: ['off'], said: 'Off', tone: 'quiet', why: row.off_because };
  const { state, reason, reopens_in_s: left } = row.breaker;
  if (state === 'open') return { view: ['on', 'trouble'], said: 'Out', tone: 'bad', why: `${reason ?? 'failing'}; tried again ${left > 0 ? `in ${span(left)}` : 'now'}` };
  if (state === 'half_open') return { view: ['on', 'trouble'], said: 'On trial', tone: 'warn', why: reason };
  if (row.vitals.success_rate < 0.9) return { view: ['on', 'trouble'], said: 'Failing', tone: 'warn', why: 'under 90 % succeed' };
  if (!isSeen(row)) return { view: ['on'], said: 'Ready', tone: 'quiet', why: 'no calls yet' };
  return { view: ['on'], said: 'Healthy', tone: 'good', why: null };
}

/** How long a reply of the usual length takes. */
function expected({ vitals: { whole, expected_output_tokens: tokens } }) {
  if (whole.ttft_s === null) return NONE;
  return seconds(whole.ttft_s + (whole.per_token_s ?? 0) * (tokens ?? 0));
}

function price(said) {
  if (said === null) return badge('unknown', 'warn', { title: 'It serves no call under a budget' });
  if (said.is_free) return 'free';
  const { input = '0', output = '0' } = said.per_million_tokens;
  const images = Object.values(said.per_image);
  if (images.length) return h('span', { title: Object.entries(said.per_image).map(([name, amount]) => `${name}: $${amount}`).join('\n') }, usd(said.per_image.default ?? images[0]), h('span', { class: 'sub' }, 'an image'));
  return h('span', { title: Object.entries(said.per_million_tokens).map(([name, amount]) => `${name}: $${amount}`).join('\n') },
    `${usd(input)} / ${usd(output)}`, h('span', { class: 'sub' }, 'a million tokens'));
}

function quality(scores) {
  const { default: usual, ...others } = scores;
  const title = Object.entries(others).map(([task, score]) => `${task}: ${score}`).join('\n');
  return usual === undefined ? NONE : h('span', { title: title || null }, String(usual));
}

function nothing(view, found) {
  if (found) return empty('No target is called that', 'Names of models, providers and upstream models are looked through.');
  if (view === 'trouble') return empty('No target is in trouble', 'Breakers are closed, and at least 90 % of the last minute’s calls succeeded everywhere.');
  if (view === 'off') return empty('No target is off');
  return empty('No target is on', 'Fill in a provider’s credential in the configuration, or add a simulated provider to look around.', h('a', { class: 'button', href: '#/config' }, 'Configuration'));
}
