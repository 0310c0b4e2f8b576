// Charts over time: thin over uPlot, in the theme's colours.

import uPlot from './vendor/uplot/uPlot.esm.js';
import { h, put } from './dom.js';

/** What a custom property of the theme is now: a canvas can't read `var(--…)`, nor `light-dark()`. */
function colour(name) {
  const probe = h('span', { hidden: true, style: { color: `var(${name})` } });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Bars stand for days, and have their width. */
const HALF_DAY_S = 43_200;
const LABEL_PX = 70;
const faint = (rgb, share) => rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);

/**
 * A chart: `{element, set(xs, ys)}`. `series`: `{label, colour: '--chart-1', isFilled, isStepped, isBars}`; `xs` are seconds
 * since the epoch, `ys` an array of figures (null for none) a series. `format` is of figures, `x` of moments. `title` names it
 * for all; `said(xs, ys)` sums up what is seen, for those who can't. It fits its box, and is gone when `signal` aborts.
 */
export function chart({ title, series, format, x = null, height = 160, signal, said = () => '' }) {
  const plotBox = h('div', { class: 'chart-plot', role: 'img' });
  const legend = h('ul', { class: 'chart-legend' }, series.map((line) => h('li', {}, swatch(line.colour), line.label)));
  const element = h('figure', { class: 'chart' },
    h('figcaption', {}, h('span', { class: 'chart-title' }, title), series.length > 1 && legend), plotBox);
  let plot = null;
  let data = [[], ...series.map(() => [])];

  function draw() {
    plot?.destroy();
    put(plotBox);
    if (!plotBox.clientWidth) return;
    plot = new uPlot(options({ series, format, x, height, width: plotBox.clientWidth }), data, plotBox);
  }
  const sized = new ResizeObserver(() => {
    const width = plotBox.clientWidth;
    if (!plot) draw();
    else if (width && width !== plot.width) plot.setSize({ width, height });
  });
  sized.observe(plotBox);
  document.addEventListener('themechange', draw, { signal });
  signal.addEventListener('abort', () => {
    sized.disconnect();
    plot?.destroy();
  });

  function set(xs, ys) {
    data = [xs, ...ys];
    plotBox.setAttribute('aria-label', `${title}. ${said(xs, ys)}`);
    plot?.setData(data);
  }
  return { element, set };
}

/** The square that stands for a colour of a chart. */
const swatch = (name) => h('span', { class: 'swatch', style: { background: `var(${name})` } });

function options({ series, format, x, height, width }) {
  const text = colour('--text-muted');
  const line = colour('--line');
  const font = '11px system-ui, sans-serif';
  const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width, height,
    padding: [10, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: (_plot, low, high) => (series[0].isBars ? [low - HALF_DAY_S, high + HALF_DAY_S] : [low, high]) }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: LABEL_PX, size: 30, gap: 9, ...(series[0].isBars && { splits: underBars }), values: x && ((_plot, splits) => splits.map((at) => x(at))) },
      { ...axis, size: (_plot, values) => Math.max(36, ...(values ?? []).map((said) => said.length * 6.5 + 12)), space: 28, values: (_plot, splits) => splits.map((value) => format(value)) },
    ],
    series: [{}, ...series.map((each) => drawn(each))],
    plugins: [tooltip(series, format, x)],
  };
}

/** Of the bars, so many that their labels fit; the last one always. */
function underBars({ data: [xs], width }) {
  const step = Math.max(1, Math.ceil((xs.length * LABEL_PX) / width));
  return xs.filter((_, i) => (xs.length - 1 - i) % step === 0);
}

function drawn({ label, colour: name, isFilled, isStepped, isBars }) {
  const stroke = colour(name);
  const shared = { label, stroke, width: 1.5, points: { show: false }, spanGaps: false };
  if (isBars) return { ...shared, width: 0, fill: stroke, paths: uPlot.paths.bars({ size: [0.7, 36], radius: 0.1 }) };
  return { ...shared, fill: isFilled ? faint(stroke, 0.12) : null, paths: isStepped ? uPlot.paths.stepped({ align: 1 }) : null };
}

function tooltip(series, format, x) {
  const box = h('div', { class: 'chart-tip', hidden: true });
  const when = x ?? ((at) => new Date(at * 1000).toLocaleTimeString());
  return { hooks: {
    init: (plot) => plot.over.append(box),
    setCursor: (plot) => {
      const { idx, left } = plot.cursor;
      box.hidden = idx === null || idx === undefined || left < 0;
      if (box.hidden) return;
      const rows = series.map((line, i) => h('div', {}, swatch(line.colour), `${line.label} `, h('b', {}, format(plot.data[i + 1][idx]))));
      put(box, h('div', { class: 'muted' }, when(plot.data[0][idx])), rows);
      const isRight = left > plot.over.clientWidth / 2;
      box.style.left = isRight ? 'auto' : `${left + 12}px`;
      box.style.right = isRight ? `${plot.over.clientWidth - left + 12}px` : 'auto';
    },
  } };
}
