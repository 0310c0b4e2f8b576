// The pieces that pages are made of. All of them give elements; none asks the gateway anything.

import { h, put } from './dom.js';
import { atTime } from './format.js';
import { icon } from './icons.js';

/** The top of a page: its one `h1`, what it is about, and what can be done here. */
export function head(title, about, ...actions) {
  return h('header', { class: 'page-head' },
    h('div', {}, h('h1', { tabindex: '-1' }, title), about && h('p', { class: 'muted' }, about)),
    actions.length > 0 && h('div', { class: 'actions' }, actions));
}

/** A titled box. `aside` stands at the right of the title. */
export function panel(title, { aside, class: classes = '' } = {}, ...children) {
  return h('section', { class: `panel ${classes}` },
    h('div', { class: 'panel-head' }, h('h2', {}, title), aside), children);
}

/** A word in a coloured box. `tone`: good, warn, bad, info, quiet. */
export const badge = (text, tone = 'quiet', attrs = {}) => h('span', { class: `badge ${tone}`, ...attrs }, text);

/** One figure with its name. Give it new figures with `set(figure, note, tone)`. */
export function figure(name, { title } = {}) {
  const value = h('dd', { class: 'figure-value' }, '–');
  const note = h('dd', { class: 'figure-note' });
  const element = h('div', { class: 'figure', title }, h('dt', {}, name), value, note);
  const set = (shown, noted = '', tone = '') => {
    value.textContent = shown;
    note.textContent = noted;
    element.dataset.tone = tone;
  };
  return { element, set };
}

/**
 * A share of `limit` as a bar: what is used, the part `held` of it hatched. `label` says it in words. It warns from 80 % on, unless it
 * `isShare` of a whole, which may be all.
 */
export function bar(used, limit, { held = 0, label, isShare = false }) {
  const width = (amount) => `${limit > 0 ? Math.min(100, (amount / limit) * 100) : amount > 0 ? 100 : 0}%`;
  const share = limit > 0 ? used / limit : used > 0 ? 1 : 0;
  const tone = isShare ? '' : share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : '';
  return h('div', { class: `bar ${tone}`, role: 'img', 'aria-label': label },
    h('span', { class: 'bar-used', style: { width: width(used - held) } }),
    held > 0 && h('span', { class: 'bar-held', style: { width: width(held) } }));
}

/**
 * A table in a box of its own, which scrolls where it is too wide. `columns`: `{label, cell(row), class}`, where the class
 * `num` is for figures; the first column is the row's header. `caption` is for screen readers. `rowAttrs(row)` gives attributes of a row.
 */
export function table(columns, rows, { caption, rowAttrs = () => ({}) }) {
  return scrolling(caption, h('table', { role: 'table' }, h('caption', { class: 'hidden' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((column) => h('th', { class: column.class, scope: 'col', role: 'columnheader' }, column.label)))),
    h('tbody', { role: 'rowgroup' }, rows.map((row) => tableRow(columns, row, rowAttrs(row))))));
}

/**
 * One row of a table. On a narrow screen rows become cards, whose cells say their column: hence `data-label`, and the roles, which
 * browsers else take away with the layout of a table.
 */
export const tableRow = (columns, row, attrs = {}) => h('tr', { role: 'row', ...attrs }, columns.map((column, i) =>
  h(i ? 'td' : 'th', { class: column.class, scope: i ? null : 'row', role: i ? 'cell' : 'rowheader', dataset: i && typeof column.label === 'string' ? { label: column.label } : {} }, column.cell(row))));

/**
 * Show `children` in `root`, as `put` does, where they are shown anew now and then. Where a table follows a table, only rows that
 * differ are replaced: one can select text, scroll and hold the focus meanwhile.
 */
export function renew(root, ...children) {
  const fresh = put(h('div'), ...children);
  const [was, is] = [root, fresh].map((box) => (box.children.length === 1 ? box.querySelector(':scope > .scrolling > table > tbody') : null));
  if (was && is) renewRows(was, [...is.children]);
  else put(root, ...fresh.childNodes);
}

export function renewRows(body, rows) {
  rows.forEach((row, i) => {
    const old = body.children[i];
    if (!old) body.append(row);
    else if (!old.isEqualNode(row)) old.replaceWith(row);
  });
  while (body.children.length > rows.length) body.lastElementChild.remove();
}

/** Give the focus to what stands for `gone` now that the page was shown anew: the control of the same name, or else the page's title. */
function refocus(gone) {
  const name = gone?.getAttribute('aria-label');
  const same = name && [...document.querySelectorAll('main [aria-label]')].find((each) => each.getAttribute('aria-label') === name);
  (same || document.querySelector('main h1'))?.focus();
}

/** `put`, for what may hold the focus: it does not get lost. */
export function putAnew(root, ...children) {
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  put(root, ...children);
  if (held) refocus(held);
}

/** A box that scrolls sideways, and can be scrolled with the keyboard. */
export const scrolling = (label, ...children) =>
  h('div', { class: 'scrolling', role: 'region', 'aria-label': label, tabindex: '0' }, children);

/** Nothing is here, and what to do about it. */
export const empty = (title, text, ...actions) =>
  h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), text && h('p', { class: 'muted' }, text), actions);

/** Something could not be shown. `again` is called when the reader wants to try once more. */
export function failed(error, again) {
  return h('div', { class: 'notice bad', role: 'alert' }, icon('warning'),
    h('p', {}, error.message), again && h('button', { type: 'button', class: 'button', onclick: again }, 'Try again'));
}

/** What is shown is old: it could not be asked for again. `since` is when it could, in seconds since the epoch; null for never. */
export const stale = (error, since) => failed({ message: `${error.message} It is asked again every few seconds.${since ? ` What is shown is of ${atTime(since)}.` : ''}` });

/** A note above what it is about. `tone`: info, good, warn, bad. */
export const notice = (tone, ...children) =>
  h('div', { class: `notice ${tone}` }, icon(tone === 'info' || tone === 'good' ? 'info' : 'warning'), h('div', {}, children));

export const loading = () => h('p', { class: 'loading muted', role: 'status' }, 'Loading…');

let fields = 0;

/** A labelled control: `field('Name', h('input', {name: 'name'}), 'What it is called.')`. Its element has `fail(text)`, which shows what is wrong. */
export function field(label, control, hint) {
  control.id ||= `field-${++fields}`;
  const hinted = hint && h('p', { class: 'hint', id: `${control.id}-hint` }, hint);
  const wrong = h('p', { class: 'wrong', id: `${control.id}-wrong` });
  control.setAttribute('aria-describedby', [hinted?.id, wrong.id].filter(Boolean).join(' '));
  const element = h('div', { class: 'field' }, h('label', { for: control.id }, label), control, hinted, wrong);
  element.fail = (text) => {
    wrong.textContent = text ?? '';
    control.toggleAttribute('aria-invalid', Boolean(text));
    if (text) control.focus();
  };
  return element;
}

/**
 * A modal dialog, shown at once: Escape and the cross close it, the focus returns to where it was, and it is gone then.
 * `body` is nodes; `actions` are buttons for its foot. Closed too when `signal` aborts. Gives the `<dialog>`, whose `close(value)` ends it.
 */
export function dialog(title, { body, actions = [], signal, onclose } = {}) {
  const id = `field-${++fields}`;
  const opener = document.activeElement;
  const cross = h('button', { type: 'button', class: 'button icon-only quiet', 'aria-label': 'Close', onclick: () => element.close() }, icon('close'));
  const element = h('dialog', { class: 'dialog', 'aria-labelledby': id },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title), cross),
    h('div', { class: 'dialog-body' }, body),
    actions.length > 0 && h('div', { class: 'dialog-foot' }, actions));
  element.addEventListener('close', () => {
    element.remove();
    if (!opener.isConnected) refocus(opener);
    onclose?.(element.returnValue);
  });
  signal?.addEventListener('abort', () => element.close());
  document.body.append(element);
  element.showModal();
  return element;
}

/** Ask before something is done. Gives a promise of whether to. */
export function confirmed(title, text, { action, isDangerous = false, signal } = {}) {
  return new Promise((resolve) => {
    const yes = h('button', { type: 'button', class: `button ${isDangerous ? 'danger' : 'primary'}`, onclick: () => shown.close('yes') }, action);
    const no = h('button', { type: 'button', class: 'button', autofocus: true, onclick: () => shown.close() }, 'Cancel');
    const shown = dialog(title, { body: h('p', {}, text), actions: [no, yes], signal, onclose: (said) => resolve(said === 'yes') });
  });
}

/** Say briefly that something was done, or was not: `tone` good or bad. Screen readers say it too. */
export function toast(text, tone = 'good') {
  const shown = h('div', { class: `toast ${tone}` }, text);
  document.getElementById('toasts').append(shown);
  setTimeout(() => shown.remove(), 6000);
}

/** A button that copies `text`. */
export function copyButton(text, label = 'Copy') {
  const button = h('button', { type: 'button', class: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast('Copied.');
    } catch {
      // Without https a browser gives no clipboard: the text can be selected by hand.
      toast('This browser does not let the page copy; select the text instead.', 'bad');
    }
  } }, icon('copy'), label);
  return button;
}

/**
 * Load once and show: `root` holds a loading note, then what `show(await ask())` gives, or the error with a way to try again.
 */
export async function loaded(root, signal, ask, show) {
  put(root, loading());
  try {
    const shown = show(await ask());
    if (!signal.aborted) put(root, shown);
  } catch (error) {
    if (!signal.aborted) put(root, failed(error, () => loaded(root, signal, ask, show)));
  }
}
