// Money: how budgets stand, what was spent on what, and how close limits are.

import { api, query } from '../api.js';
import { chart } from '../chart.js';
import { add, h, put } from '../dom.js';
import { at, compact, count, inFull, ofNano, onDay, percent, span, usd, usdExact } from '../format.js';
import { bar, empty, failed, figure, head, loading, panel, renew, stale, table } from '../parts.js';
import { poll } from '../poll.js';

export const title = 'Spend';

const GROUPS = [['model', 'Model'], ['team', 'Team'], ['key', 'Key'], ['provider', 'Provider'], ['tag', 'Tag']];
const RANGES = [['7', '7 days'], ['30', '30 days'], ['90', '90 days']];
const UNGROUPED = { model: 'no model', team: 'no team', key: 'no key', provider: 'no provider', tag: 'no tag' };

export default async function page(root, { signal }) {
  const trouble = h('div');
  const budgets = h('div', {}, loading());
  const limits = h('div', {}, loading());
  const report = reported(signal);
  add(root, head(title, 'Of all replicas that share this gateway’s store.'), trouble,
    panel('Budgets', { aside: key() }, budgets), report.element,
    panel('Limits', { aside: h('span', { class: 'muted small' }, 'Those in use most come first. A rate refills all the time: used is what has not come back yet.') }, limits));
  report.show();
  await poll(3000, signal, async () => {
    const rows = (await api.get('/usage', { signal })).data;
    put(trouble);
    renew(budgets, ofBudgets(rows.filter((row) => row.measure === 'budget')));
    renew(limits, ofLimits(rows.filter((row) => row.measure !== 'budget')));
  }, (error, since) => put(trouble, stale(error, since)));
}

const key = () => h('span', { class: 'muted small bar-key' }, h('i', { class: 'used' }), 'used', h('i', { class: 'held' }), 'held for calls under way');

function ofBudgets(rows) {
  if (!rows.length) {
    return empty('No budgets', 'A budget stops calls before they cost more than you allow. Give one to a team or key, or put budgets into the configuration.', h('a', { class: 'button', href: '#/teams' }, 'Teams'));
  }
  const columns = [
    { label: 'For', cell: (row) => [row.scope, h('span', { class: 'sub' }, row.per === 'total' ? 'in all' : `per ${row.per}`)] },
    { label: 'Used', class: 'wide', cell: (row) => [
      bar(row.used, row.limit, { held: row.held, label: `${percent(row.limit ? row.used / row.limit : null)} of ${usd(row.usd.limit)} used, ${usd(row.usd.held)} of it held` }),
      h('span', { class: 'sub' }, percent(row.limit ? row.used / row.limit : null, 1), row.held > 0 && `, ${usd(row.usd.held)} held`)] },
    // What is used has what is held among it.
    { label: 'Spent', class: 'num', cell: (row) => money(ofNano(row.used - row.held)) },
    { label: 'Limit', class: 'num', cell: (row) => money(row.usd.limit) },
    { label: 'Left', class: 'num', cell: (row) => (row.remaining > 0 ? money(row.usd.remaining) : h('span', { class: 'bad', title: usdExact(row.usd.remaining) }, 'used up')) },
    { label: 'Resets', class: 'nowrap', cell: (row) => (row.resets_at ? h('span', { title: inFull(row.resets_at) }, at(row.resets_at), h('span', { class: 'sub' }, `in ${span(row.reset_in_s)}`)) : h('span', { class: 'muted' }, 'never')) },
  ];
  return table(columns, byUse(rows), { caption: 'Budgets' });
}

function ofLimits(rows) {
  if (!rows.length) return empty('No limits', 'Limits on requests, tokens, images and concurrency can be set for keys, teams, models, providers and all together.');
  const columns = [
    { label: 'For', cell: (row) => row.scope },
    { label: 'Limit', cell: (row) => (row.per ? `${row.unit} a ${row.per}` : `${row.unit} at once`) },
    { label: 'Used', class: 'wide', cell: (row) => [
      bar(row.used, row.limit, { label: `${percent(row.limit ? row.used / row.limit : null)} used` })] },
    { label: 'Now', class: 'num', cell: (row) => count(row.used) },
    { label: 'Most', class: 'num', cell: (row) => count(row.limit) },
    { label: 'Left', class: 'num', cell: (row) => count(row.remaining) },
  ];
  return table(columns, byUse(rows), { caption: 'Limits' });
}

const byUse = (rows) => rows.toSorted((a, b) => b.used / (b.limit || 1) - a.used / (a.limit || 1));
const money = (text) => h('span', { title: usdExact(text) }, usd(text));

/** What was spent in a time, by day and by something else. */
function reported(signal) {
  const asked = { by: 'model', days: '30' };
  let asking = new AbortController();
  const figures = { cost: figure('Spent'), today: figure('Today'), calls: figure('Calls'), tokens: figure('Tokens'), images: figure('Images') };
  const days = chart({ title: 'By day', signal, height: 190, format: usd, x: (day) => onUtcDay(day),
    said: (xs, ys) => `${xs.length} days, at most ${usd(Math.max(0, ...ys[0]))} a day.`, series: [{ label: 'Spent', colour: '--chart-1', isBars: true }] });
  const rows = h('div', {}, loading());
  const trouble = h('div');
  const choices = (name, label, options) => h('fieldset', { class: 'choices' }, h('legend', { class: 'hidden' }, label),
    options.map(([value, said]) => h('label', {}, h('input', { type: 'radio', name, value, checked: asked[name] === value, onchange: () => { asked[name] = value; show(); } }), said)));
  const element = h('div', { class: 'stack' },
    h('div', { class: 'row spread' }, h('h2', {}, 'What was spent'), choices('days', 'Time', RANGES)), trouble,
    h('dl', { class: 'figures' }, Object.values(figures).map((each) => each.element)), days.element,
    panel('On what', { aside: choices('by', 'By', GROUPS) }, rows));

  async function show() {
    asking.abort();
    asking = new AbortController();
    const ended = AbortSignal.any([signal, asking.signal]);
    try {
      // Days begin in the gateway's own time zone: what it calls today is the end of its answer.
      const recently = await api.get('/spend?by=day&limit=400', { signal: ended });
      const first = new Date(Date.parse(recently.to) - (Number(asked.days) - 1) * 86_400_000).toISOString().slice(0, 10);
      const [byDay, byGroup] = await Promise.all([
        api.get(`/spend${query({ by: 'day', from: first, limit: 400 })}`, { signal: ended }),
        api.get(`/spend${query({ by: asked.by, from: first, limit: 50 })}`, { signal: ended })]);
      put(trouble);
      showDays(figures, days, byDay);
      renew(rows, ofGroups(byGroup, asked.by));
    } catch (error) {
      if (!ended.aborted) put(trouble, failed(error, show));
    }
  }
  // Sums come up to a second late; a minute is soon enough for what is summed by day.
  const timer = setInterval(() => document.hidden || show(), 60_000);
  signal.addEventListener('abort', () => clearInterval(timer));
  return { element, show };
}

/** A day as the gateway counts it, as the moment of its noon in UTC: no zone of a browser makes another day of it. */
const onUtcDay = (day) => new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' }).format(new Date(day * 1000));

function showDays(figures, days, { data, total, from, to, timezone }) {
  const cost = new Map(data.map((row) => [row.group.day, row]));
  const xs = [];
  for (let noon = Date.parse(from) / 1000 + 43_200; noon <= Date.parse(to) / 1000 + 43_200; noon += 86_400) xs.push(noon);
  const of = (noon) => cost.get(new Date(noon * 1000).toISOString().slice(0, 10));
  days.set(xs, [xs.map((noon) => (of(noon)?.cost_nanousd ?? 0) / 1e9)]);
  const today = of(xs.at(-1));
  figures.cost.set(usd(total.cost_usd), `since ${onDay(`${from}T12:00:00`)}`);
  figures.today.set(usd(today?.cost_usd ?? '0'), `days begin in ${timezone}`);
  figures.calls.set(compact(total.requests), total.requests ? `${usd(total.cost_nanousd / total.requests / 1e9)} each` : '');
  figures.tokens.set(compact(total.input_tokens + total.output_tokens), `${compact(total.input_tokens)} in, ${compact(total.output_tokens)} out`);
  figures.images.set(compact(total.images));
}

function ofGroups({ data, total, left_out: leftOut }, by) {
  if (!data.length) return empty('Nothing was spent', 'Every call that reaches a provider is summed up here, a second after it ended.');
  const columns = [
    { label: GROUPS.find(([name]) => name === by)[1], cell: (row) => row.group[by] || h('span', { class: 'muted' }, UNGROUPED[by]) },
    { label: 'Share', class: 'wide', cell: (row) => bar(row.cost_nanousd, total.cost_nanousd || 1, { label: percent(total.cost_nanousd ? row.cost_nanousd / total.cost_nanousd : 0), isShare: true }) },
    { label: 'Spent', class: 'num', cell: (row) => money(row.cost_usd) },
    { label: 'Calls', class: 'num', cell: (row) => count(row.requests) },
    { label: 'Tokens in', class: 'num', cell: (row) => compact(row.input_tokens) },
    { label: 'Tokens out', class: 'num', cell: (row) => compact(row.output_tokens) },
    { label: 'Images', class: 'num', cell: (row) => count(row.images) },
  ];
  return [table(columns, data, { caption: `Spend by ${by}` }), leftOut > 0 && h('p', { class: 'muted small foot' }, `${count(leftOut)} more rows are not shown; GET /admin/v1/spend has them, as CSV too.`)];
}
