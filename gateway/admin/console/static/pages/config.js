// The configuration in force, what is wrong with it, and reading its file again.

import { api } from '../api.js';
import { add, h, put } from '../dom.js';
import { count } from '../format.js';
import { icon } from '../icons.js';
import { badge, confirmed, copyButton, empty, failed, head, loaded, notice, panel, stale, toast } from '../parts.js';
import { poll } from '../poll.js';

export const title = 'Configuration';

const LOOK_EVERY_MS = 5_000;

export default async function page(root, { signal, me }) {
  const body = h('div', { class: 'stack wide-gap' });
  const outcome = h('div', { role: 'status' });
  const news = h('div', { role: 'status' });
  const button = me.may('admin') && h('button', { type: 'button', class: 'button', onclick: reload }, icon('reload'), 'Reload');
  add(root, head(title, 'What the gateway runs by: defaults filled in, variables expanded, secrets as ***.', button), outcome, news, body);
  let seen = null;
  const show = () => loaded(body, signal, () => api.get('/config', { signal }), (config) => {
    seen = JSON.stringify(config);
    put(news);
    return shown(config, me);
  });
  // Not put in place of what is read just now: sections are open, and text may be selected.
  const look = async () => {
    const now = JSON.stringify(await api.get('/config', { signal }));
    put(news, now !== seen && notice('info', h('p', {}, 'It has changed, or its file was refused, since it was shown here.'), h('button', { type: 'button', class: 'button small', onclick: show }, 'Show it as it is now')));
  };

  async function reload() {
    const isSure = await confirmed('Read the configuration again?', 'Every replica reads its file and puts it in force at once. A file with errors changes nothing.', { action: 'Reload', signal });
    if (!isSure) return;
    button.disabled = true;
    try {
      const { result, needs_restart: waiting } = await api.post('/config/reload');
      put(outcome, waiting.length ? notice('warn', `These wait for a restart: ${waiting.join(', ')}.`) : null);
      toast(result === 'unchanged' ? 'The file says what is in force already.' : 'The file is in force.');
      await show();
    } catch (error) {
      put(outcome, failed(error));
      if (error.code === 'config_refused') await show();
    } finally {
      button.disabled = false;
    }
  }
  await show();
  poll(LOOK_EVERY_MS, signal, look, (error, since) => put(news, stale(error, since)));
}

function shown({ hash, store, settings, problems, refused }, me) {
  const size = (name) => Object.keys(settings[name] ?? {}).length;
  return [
    refused.length > 0 && panel('The file was refused', { aside: badge(`${count(refused.length)} to mend`, 'bad') },
      h('p', { class: 'panel-note' }, 'It was read and has errors, so the settings that were in force still are.'), list(refused)),
    panel('Problems', { aside: problems.length ? badge(count(problems.length), 'warn') : badge('none', 'good') },
      problems.length ? list(problems) : empty('Nothing is wrong with it', 'sluice check says the same before a file is put in force.')),
    h('dl', { class: 'figures' },
      fact('Hash', h('span', { class: 'mono', title: hash }, hash.replace(/^sha256:/, '').slice(0, 12)), 'the same on every gateway that runs this'),
      fact('Store', store, store === 'memory' ? 'forgets all at a restart' : ''),
      fact('Providers', count(size('providers'))), fact('Models', count(size('models'))),
      fact('Keys and teams', `${count(size('keys'))} / ${count(size('teams'))}`, 'of the file')),
    panel('Settings in force', { aside: copyButton(JSON.stringify(settings, null, 2), 'Copy as JSON') }, h('div', { class: 'settings' },
      Object.entries(settings).map(([name, value]) => section(name, value)))),
    !me.may('admin') && h('p', { class: 'muted small' }, 'Reloading takes the role admin.'),
  ];
}

const fact = (name, value, note = '') => h('div', { class: 'figure' }, h('dt', {}, name), h('dd', { class: 'figure-value fit' }, value), h('dd', { class: 'figure-note' }, note));

function list(problems) {
  return h('ul', { class: 'problems' }, problems.map(({ level, file, line, path, what, fix }) => h('li', {},
    badge(level, level === 'error' ? 'bad' : 'warn'),
    h('div', {},
      h('p', {}, path && h('code', {}, path), path && ': ', what),
      fix && h('p', { class: 'fix' }, fix),
      h('p', { class: 'muted small mono' }, line === null ? file : `${file}:${line}`)))));
}

/** A section of the file, folded. What is simple is written beside its name; the rest as indented text. */
function section(name, value) {
  const isSimple = value === null || typeof value !== 'object';
  if (isSimple) return h('p', { class: 'setting mono' }, `${name}: ${plain(value)}`);
  const entries = Array.isArray(value) ? value.length : Object.keys(value).length;
  return h('details', { open: name === 'server' }, h('summary', {}, h('span', { class: 'mono' }, name), h('span', { class: 'muted small' }, entries ? count(entries) : 'empty')),
    h('pre', { tabindex: '0' }, written(value)));
}

/** As YAML, near enough to read; the copy is JSON. */
function written(value, indent = '') {
  if (value === null || typeof value !== 'object') return `${indent}${plain(value)}`;
  const entries = Object.entries(value);
  if (!entries.length) return `${indent}${Array.isArray(value) ? '[]' : '{}'}`;
  if (Array.isArray(value)) {
    if (value.every((each) => each === null || typeof each !== 'object')) return `${indent}[${value.map(plain).join(', ')}]`;
    return value.map((each) => `${indent}- ${written(each, `${indent}  `).trimStart()}`).join('\n');
  }
  return entries.map(([name, each]) => {
    const below = written(each, `${indent}  `);
    return below.includes('\n') || (each !== null && typeof each === 'object' && !Array.isArray(each) && Object.keys(each).length)
      ? `${indent}${name}:\n${below}` : `${indent}${name}: ${below.trimStart()}`;
  }).join('\n');
}

const plain = (value) => (typeof value === 'string' ? (/^[\w./:*@+-]+$/.test(value) ? value : JSON.stringify(value)) : String(value));
