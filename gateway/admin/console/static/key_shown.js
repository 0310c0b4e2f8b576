// A key with its secret, which is shown this once.

import { h } from './dom.js';
import { dialog, notice, toast } from './parts.js';
import { curl } from './terms.js';

/** Show `key` (as the control plane answers who made it) until its reader has copied it. `model`: one it may use, for a line to try it with; null for none. */
export function showKey(key, model, signal) {
  const secret = copied('The key', h('input', { readonly: true, value: key.key, class: 'mono', onfocus: (event) => event.target.select() }));
  const line = model && copied('Try it', h('textarea', { readonly: true, rows: 4, class: 'mono', onfocus: (event) => event.target.select() }, curl(location.origin, key.key, model)));
  const close = h('button', { type: 'button', class: 'button', onclick: () => shown.close() }, 'Close without copying');
  let isCopied = false;
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      toast('Copied.');
    } catch {
      // Without https a browser gives no clipboard.
      secret.control.focus();
      toast('This browser does not let the page copy: the key is selected, copy it by hand.', 'bad');
    }
    isCopied = true;
    close.textContent = 'Close';
  };
  const primary = h('button', { type: 'button', class: 'button primary', autofocus: true, onclick: () => copy(key.key) }, 'Copy the key');
  const tryIt = line && h('button', { type: 'button', class: 'button', onclick: () => copy(line.control.value) }, 'Copy the command');
  const shown = dialog(`Key ${key.name}`, {
    body: h('div', { class: 'stack' },
      notice('warn', h('p', {}, 'Copy it now: it is shown this once, and kept nowhere.')),
      secret.element, line?.element, key.warning && notice('warn', h('p', {}, key.warning))),
    actions: [tryIt, close, primary].filter(Boolean),
    signal,
  });
  shown.addEventListener('cancel', (event) => {
    if (!isCopied) event.preventDefault();
  });
  primary.focus();
  return shown;
}

function copied(label, control) {
  return { control, element: h('label', { class: 'field' }, h('span', { class: 'label' }, label), control) };
}
