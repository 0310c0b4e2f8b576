// What can serve each model: is it healthy, how fast is it, what does it cost.

import { api } from '../api.js';
import { add, h, put } from '../dom.js';
import { NONE, count, percent, rate, seconds, span, usd } from '../format.js';
import { badge, empty, failed, figure, head, loading, panel, scrolling } from '../parts.js';
import { poll } from '../poll.js';

export const title = 'Targets';

const VIEWS = [['on', 'On'], ['trouble', 'In trouble'], ['off', 'Off'], ['all', 'All']];
const COLUMNS = [['Target'], ['State'], ['Success', 'num'], ['In flight', 'num'], ['First token', 'num'], ['Whole reply', 'num'], ['Speed', 'num'], ['Price in / out', 'num'], ['Quality', 'num']];

export default async function page(root, { signal }) {
  let view = 'on';
  let rows = null;
  let found = '';
  const figures = { on: figure('On'), trouble: figure('In trouble'), off: figure('Off'), flight: figure('In flight') };
  const trouble = h('div');
  const list = h('tbody');
  const body = h('div', {}, loading());
  const search = h('input', { type: 'search', placeholder: 'Find a model or provider', 'aria-label': 'Find a model or provider', oninput: () => { found = search.value.trim().toLowerCase(); show(); } });
  const choices = h('fieldset', { class: 'choices' }, h('legend', { class: 'hidden' }, 'Which targets'),
    VIEWS.map(([name, label]) => h('label', {}, h('input', { type: 'radio', name: 'view', value: name, checked: name === view, onchange: () => { view = name; show(); } }), label)));
  const whole = scrolling('Targets', h('table', {}, h('caption', { class: 'hidden' }, 'Targets by model'),
    h('thead', {}, h('tr', {}, COLUMNS.map(([label, kind]) => h('th', { scope: 'col', class: kind }, label)))), list));
  add(root, head(title, 'A target is a provider’s model that can serve a public one. Health and latency are those of the worker that answers.'),
    trouble, h('dl', { class: 'figures' }, Object.values(figures).map((each) => each.element)),
    panel('By model', { aside: h('div', { class: 'row' }, h('div', { class: 'search' }, search), choices) }, body));

  function show() {
    if (rows === null) return;
    const shown = rows.filter((row) => (view === 'all' || standing(row).view.includes(view))
      && (!found || `${row.model} ${row.id}`.toLowerCase().includes(found)));
    const models = [...new Set(shown.map((row) => row.model))];
    put(list, models.map((model) => [
      h('tr', { class: 'group' }, h('th', { colspan: String(COLUMNS.length), scope: 'rowgroup' }, model)),
      shown.filter((row) => row.model === model).map(line),
    ]));
    put(body, shown.length ? whole : nothing(view, found));
  }

  await poll(2000, signal, async () => {
    rows = (await api.get('/targets', { signal })).data;
    put(trouble);
    showFigures(figures, rows);
    show();
  }, (error) => put(trouble, failed(error)));
}

function showFigures(figures, rows) {
  const distinct = [...new Map(rows.map((row) => [row.id, row])).values()];
  const of = (name) => distinct.filter((row) => standing(row).view.includes(name));
  figures.on.set(count(of('on').length), `of ${count(distinct.length)} targets`);
  figures.trouble.set(count(of('trouble').length), of('trouble').map((row) => row.provider).join(', '), of('trouble').length ? 'warn' : '');
  figures.off.set(count(of('off').length), of('off').length ? 'for want of a credential, or switched off' : '');
  figures.flight.set(count(distinct.reduce((sum, row) => sum + row.vitals.in_flight, 0)), 'at this worker');
}

/** In which views a target is shown, and the badge that says how it stands. */
function standing(row) {
  if (row.off_because) return { view: ['off'], said: 'Off', tone: 'quiet', why: row.off_because };
  const { state, reason, reopens_in_s: left } = row.breaker;
  if (state === 'open') return { view: ['on', 'trouble'], said: 'Out', tone: 'bad', why: `${reason ?? 'failing'}; tried again ${left > 0 ? `in ${span(left)}` : 'now'}` };
  if (state === 'half_open') return { view: ['on', 'trouble'], said: 'On trial', tone: 'warn', why: reason };
  if (row.vitals.success_rate < 0.9) return { view: ['on', 'trouble'], said: 'Failing', tone: 'warn', why: 'under 90 % succeed' };
  if (row.vitals.whole.idle_s === null && row.vitals.streamed.idle_s === null) return { view: ['on'], said: 'Ready', tone: 'quiet', why: 'no calls yet' };
  return { view: ['on'], said: 'Healthy', tone: 'good', why: null };
}

function line(row) {
  const { said, tone, why } = standing(row);
  const { success_rate: success, in_flight: inFlight, whole, streamed } = row.vitals;
  const isSeen = whole.idle_s !== null || streamed.idle_s !== null;
  const perToken = streamed.per_token_s;
  return h('tr', row.off_because ? { class: 'off' } : {},
    h('th', { scope: 'row' }, row.provider, h('span', { class: 'sub' }, [row.upstream_model, row.region].filter(Boolean).join(' · '))),
    h('td', {}, badge(said, tone), why && h('span', { class: 'sub' }, why)),
    h('td', { class: 'num' }, isSeen ? percent(success) : NONE),
    h('td', { class: 'num' }, count(inFlight)),
    h('td', { class: 'num' }, seconds(streamed.ttft_s)),
    h('td', { class: 'num' }, expected(row)),
    h('td', { class: 'num' }, perToken ? `${rate(1 / perToken)} tok/s` : NONE),
    h('td', { class: 'num' }, price(row.price)),
    h('td', { class: 'num' }, quality(row.quality)));
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
