// What goes on now: traffic, failures, latency and cost of the last two minutes.

import { api, query } from '../api.js';
import { chart } from '../chart.js';
import { add, h, put } from '../dom.js';
import { NONE, atTime, compact, count, ofNano, percent, rate, seconds, usd } from '../format.js';
import { icon } from '../icons.js';
import { empty, figure, head, panel, renew, stale, table } from '../parts.js';
import { poll } from '../poll.js';
import { OTHER, Recent } from '../recent.js';

export const title = 'Live';

const SUM_S = 60;
// A percentile of one second's few calls jumps about: each point is of so many seconds.
const SMOOTH_S = 10;

export default async function page(root, { signal }) {
  const recent = new Recent();
  const state = h('span', { class: 'badge good' }, 'Live');
  const about = h('p', { class: 'muted' }, 'This gateway, all its workers.');
  let isPaused = false;
  const pause = h('button', { type: 'button', class: 'button', 'aria-pressed': 'false', onclick: () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', String(isPaused));
    tell(isPaused ? 'Paused' : 'Live', isPaused ? 'warn' : 'good');
  } }, icon('stop'), 'Pause');
  const top = head(title, null, state, pause);
  top.firstChild.append(about);

  const figures = overview();
  const charts = graphs(signal);
  const models = h('div');
  const trouble = h('div');
  const quiet = h('div', { hidden: true }, empty('No calls in the last two minutes',
    'Send one to /v1/chat/completions with a client’s key, or try the playground.', h('a', { class: 'button', href: '#/playground' }, 'Open the playground')));
  add(root, top, trouble, h('dl', { class: 'figures' }, Object.values(figures).map((each) => each.element)),
    h('div', { class: 'grid-2' }, Object.values(charts).map((each) => each.element)),
    panel('By model', { aside: h('span', { class: 'muted small' }, 'Last 60 seconds') }, quiet, models));

  function tell(said, tone) {
    state.textContent = said;
    state.className = `badge ${tone}`;
  }

  await poll(1000, signal, async () => {
    if (isPaused) return;
    const reply = await api.get(`/live${query({ since: recent.since })}`, { signal });
    recent.take(reply);
    put(trouble);
    tell('Live', 'good');
    about.textContent = `This gateway, ${reply.workers === 1 ? 'its one process' : `all ${reply.workers} worker processes`}; other replicas have a page of their own. Figures are of the last 60 seconds.`;
    showFigures(figures, recent, reply);
    showGraphs(charts, recent);
    quiet.hidden = !recent.isEmpty;
    renew(models, recent.isEmpty ? null : byModel(recent));
  }, (error, since) => {
    tell('Out of touch', 'bad');
    put(trouble, stale(error, since));
  });
}

const named = (number, what) => `${count(number)} ${what}${number === 1 ? '' : 's'}`;

/** Tokens of the span as tokens a second. */
const flow = (tokens) => (tokens < 100 * SUM_S ? rate : compact)(tokens / SUM_S);

function overview() {
  return {
    calls: figure('Calls', { title: 'Calls that ended, a second' }),
    failures: figure('Failures', { title: 'Share of calls that ended with a status of 500 and above' }),
    latency: figure('Latency p50', { title: 'From the call’s arrival to the end of its reply; calls that went well' }),
    ttft: figure('First token p50', { title: 'From the call’s arrival to the first token; streamed calls that went well' }),
    tokens: figure('Tokens', { title: 'Input and output tokens, a second' }),
    cost: figure('Cost a minute', { title: 'What the calls of the last minute cost' }),
    flight: figure('In flight', { title: 'Calls under way now' }),
  };
}

function showFigures(figures, recent, { in_flight: inFlight }) {
  const sum = recent.sum(recent.through, SUM_S);
  const share = sum.calls ? sum.failed / sum.calls : null;
  figures.calls.set(`${rate(sum.calls / SUM_S)}/s`, sum.retries ? `${named(sum.calls, 'call')}, ${sum.retries} ${sum.retries === 1 ? 'retry' : 'retries'}` : named(sum.calls, 'call'));
  figures.failures.set(percent(share), sum.calls ? `${count(sum.failed)} failed, ${count(sum.refused)} refused` : '', share > 0.05 ? 'bad' : share > 0.01 ? 'warn' : '');
  figures.latency.set(seconds(recent.quantile(sum.latency, 0.5)), `p95 ${seconds(recent.quantile(sum.latency, 0.95))}`);
  figures.ttft.set(seconds(recent.quantile(sum.ttft, 0.5)), `p95 ${seconds(recent.quantile(sum.ttft, 0.95))}`);
  figures.tokens.set(`${flow(sum.input_tokens + sum.output_tokens)}/s`, `${flow(sum.input_tokens)} in, ${flow(sum.output_tokens)} out`);
  figures.cost.set(`${usd(ofNano(sum.cost_nanousd))}`, sum.calls ? `${usd(ofNano(sum.cost_nanousd / sum.calls))} a call` : '');
  figures.flight.set(count(inFlight), 'calls under way');
}

function graphs(signal) {
  // An axis' ticks are round.
  const perSecond = (value) => (value === null ? NONE : String(Number(value.toFixed(2))));
  const last = (ys, format) => ys.map((values) => format(values.at(-1))).join(', ');
  const shared = { x: atTime, signal };
  return {
    calls: chart({ ...shared, title: 'Calls a second', format: perSecond, said: (_, ys) => `Now ${last(ys, rate)}: all, refused, failed.`,
      series: [{ label: 'All', colour: '--chart-1', isFilled: true }, { label: 'Refused', colour: '--chart-3' }, { label: 'Failed', colour: '--chart-bad' }] }),
    latency: chart({ ...shared, title: 'Latency', format: seconds, said: (_, ys) => `Now p50 and p95: ${last(ys, seconds)}.`,
      series: [{ label: 'p50', colour: '--chart-1' }, { label: 'p95', colour: '--chart-4' }] }),
    ttft: chart({ ...shared, title: 'Time to first token', format: seconds, said: (_, ys) => `Now p50 and p95: ${last(ys, seconds)}.`,
      series: [{ label: 'p50', colour: '--chart-1' }, { label: 'p95', colour: '--chart-4' }] }),
    tokens: chart({ ...shared, title: 'Tokens a second', format: compact, said: (_, ys) => `Now in and out: ${last(ys, compact)}.`,
      series: [{ label: 'In', colour: '--chart-2' }, { label: 'Out', colour: '--chart-1' }] }),
    cost: chart({ ...shared, title: 'Cost a minute', format: usd, said: (_, ys) => `Now ${usd(ys[0].at(-1) ?? 0)}.`,
      series: [{ label: 'USD a minute', colour: '--chart-5', isFilled: true }] }),
    retries: chart({ ...shared, title: 'Retries and failovers a second', format: perSecond, said: (_, ys) => `Now ${last(ys, rate)}.`,
      series: [{ label: 'Further attempts', colour: '--chart-3', isFilled: true }] }),
  };
}

function showGraphs(charts, recent) {
  const xs = recent.moments;
  const sums = xs.map((at) => recent.sum(at, SMOOTH_S));
  const smooth = (of) => sums.map((sum) => of(sum) / SMOOTH_S);
  const seen = recent.isEmpty ? Infinity : Math.min(...recent.seconds.keys());
  const known = (values) => values.map((value, i) => (xs[i] < seen ? null : value));
  charts.calls.set(xs, [smooth((sum) => sum.calls), smooth((sum) => sum.refused), smooth((sum) => sum.failed)].map(known));
  charts.latency.set(xs, [0.5, 0.95].map((share) => sums.map((sum) => recent.quantile(sum.latency, share))));
  charts.ttft.set(xs, [0.5, 0.95].map((share) => sums.map((sum) => recent.quantile(sum.ttft, share))));
  charts.tokens.set(xs, [smooth((sum) => sum.input_tokens), smooth((sum) => sum.output_tokens)].map(known));
  charts.cost.set(xs, [known(smooth((sum) => sum.cost_nanousd / 1e9).map((value) => value * 60))]);
  charts.retries.set(xs, [known(smooth((sum) => sum.retries))]);
}

function byModel(recent) {
  const columns = [
    { label: 'Model', cell: ({ name }) => (name === OTHER ? h('span', { class: 'muted' }, 'other, and unknown names') : name) },
    { label: 'Calls/s', class: 'num', cell: ({ sum }) => rate(sum.calls / SUM_S) },
    { label: 'Failed', class: 'num', cell: ({ sum }) => (sum.failed ? h('span', { class: 'bad' }, percent(sum.failed / sum.calls)) : percent(0)) },
    { label: 'Refused', class: 'num', cell: ({ sum }) => percent(sum.refused / sum.calls) },
    { label: 'Latency p50', class: 'num', cell: ({ sum }) => seconds(recent.quantile(sum.latency, 0.5)) },
    { label: 'p95', class: 'num', cell: ({ sum }) => seconds(recent.quantile(sum.latency, 0.95)) },
    { label: 'First token p50', class: 'num', cell: ({ sum }) => seconds(recent.quantile(sum.ttft, 0.5)) },
    { label: 'Tokens/s', class: 'num', cell: ({ sum }) => flow(sum.input_tokens + sum.output_tokens) },
    { label: 'Cost/min', class: 'num', cell: ({ sum }) => usd(ofNano(sum.cost_nanousd)) },
  ];
  return table(columns, recent.byModel(SUM_S), { caption: 'Calls by model' });
}
