// The shell: who is signed in, where one is, and how to get elsewhere.
//
// A page is `pages/<name>.js` with `export const title` and
//     export default async function page(root, { signal, params, query, me })
// It mounts into `root` and stops everything it does when `signal` aborts. `params` are the parts of the address after its
// name (`#/calls/abc` gives ['abc']), `query` the URLSearchParams behind them, `me` who is signed in: `{name, role, may(role)}`.
// Pages show a button only to those whose role may use it.

import { api, whenSignedOut } from './api.js';
import { h, put } from './dom.js';
import { icon } from './icons.js';
// All at once: a page that is loaded when it is opened can't be, while the gateway is away.
import * as calls from './pages/calls.js';
import * as config from './pages/config.js';
import * as explain from './pages/explain.js';
import * as keys from './pages/keys.js';
import * as live from './pages/live.js';
import * as playground from './pages/playground.js';
import * as spend from './pages/spend.js';
import * as targets from './pages/targets.js';
import * as teams from './pages/teams.js';
import { failed, loading } from './parts.js';
import { signIn } from './sign_in.js';

const MODULES = { live, targets, spend, calls, keys, teams, config, explain, playground };
const PAGES = [
  ['Observe', [['live', 'Live'], ['targets', 'Targets'], ['spend', 'Spend'], ['calls', 'Calls']]],
  ['Manage', [['keys', 'Keys'], ['teams', 'Teams'], ['config', 'Configuration']]],
  ['Try', [['explain', 'Route explainer'], ['playground', 'Playground']]],
];
const RANKS = { viewer: 0, operator: 1, admin: 2 };
const app = document.getElementById('app');

let me = null;
let leaving = new AbortController();
let main = null;

whenSignedOut(() => showSignIn('Your session has ended. Sign in again.'));
window.addEventListener('hashchange', () => me && go().then(refocused));
start();

async function start() {
  put(app, loading());
  try {
    const session = await api.get('/console/session');
    if (session) welcome(session);
    else showSignIn();
  } catch (error) {
    put(app, h('div', { class: 'alone' }, failed(error, start)));
  }
}

function welcome(session) {
  me = { ...session, may: (role) => RANKS[session.role] >= RANKS[role] };
  put(app, shell());
  go();
}

function showSignIn(why) {
  if (me === null && app.querySelector('.sign-in')) return;
  me = null;
  leaving.abort();
  document.title = 'Sign in · Sluice';
  put(app, signIn({ why, welcome }));
  app.querySelector('input[name=key]').focus();
}

function shell() {
  main = h('main', { id: 'main', tabindex: '-1' });
  const toggle = h('button', { type: 'button', class: 'button icon-only quiet menu', 'aria-label': 'Menu', 'aria-expanded': 'false', 'aria-controls': 'nav', onclick: () => unfold(toggle.getAttribute('aria-expanded') !== 'true') }, icon('menu'));
  const nav = h('nav', { id: 'nav', 'aria-label': 'Console' },
    PAGES.map(([group, pages]) => h('div', { class: 'nav-group' }, h('p', { class: 'nav-title' }, group),
      h('ul', {}, pages.map(([name, label]) => h('li', {}, h('a', { href: `#/${name}`, dataset: { page: name } }, icon(name), label))))),
    ),
    h('div', { class: 'nav-foot' },
      h('p', { class: 'who' }, h('span', {}, me.name), h('span', { class: 'badge quiet' }, me.role)),
      themeSwitch(),
      h('button', { type: 'button', class: 'nav-button', onclick: signOut }, icon('out'), 'Sign out')));
  function unfold(isOpen) {
    toggle.setAttribute('aria-expanded', String(isOpen));
    nav.classList.toggle('open', isOpen);
  }
  nav.addEventListener('click', (event) => event.target.closest('a') && unfold(false));
  nav.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !nav.classList.contains('open')) return;
    unfold(false);
    toggle.focus();
  });
  // Moved by script: the hash is the router's.
  const skip = h('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); main.focus(); } }, 'Skip to the content');
  return [skip, h('div', { class: 'shell' },
    h('header', { class: 'topbar' }, h('a', { class: 'brand', href: '#/live' }, h('img', { src: '/console/icon.svg', alt: '', width: '22', height: '22' }), 'Sluice'), toggle),
    nav, main),
  h('div', { id: 'toasts', class: 'toasts', role: 'status', 'aria-live': 'polite' })];
}

async function go() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...params] = path.split('/').map(decoded);
  if (!Object.hasOwn(MODULES, name)) {
    location.replace('#/live');
    return;
  }
  for (const link of app.querySelectorAll('nav a')) {
    if (link.dataset.page === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const root = h('div', { class: `page page-${name}` }, loading());
  put(main, root);
  try {
    const page = MODULES[name];
    document.title = `${page.title} · Sluice`;
    put(root);
    window.scrollTo(0, 0);
    await page.default(root, { signal, params, query: new URLSearchParams(search), me });
  } catch (error) {
    if (signal.aborted) return;
    // What the gateway answered is no fault of the page.
    if (error.name !== 'ApiError') console.error(error);
    put(root, failed(error, go));
  }
}

/** Whoever followed a link reads on at the page's top, unless the page has given the focus to something. */
function refocused() {
  if (document.activeElement === document.body || document.activeElement.closest('nav, .skip')) main.querySelector('h1')?.focus({ preventScroll: true });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function themeSwitch() {
  const choose = (event) => {
    const said = event.target.value;
    if (said === 'auto') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem('sluice-theme');
    } else {
      document.documentElement.dataset.theme = said;
      localStorage.setItem('sluice-theme', said);
    }
    document.dispatchEvent(new Event('themechange'));
  };
  const value = document.documentElement.dataset.theme ?? 'auto';
  const options = [['auto', 'System theme'], ['light', 'Light'], ['dark', 'Dark']];
  return h('label', { class: 'nav-button theme' }, icon('theme'), h('span', { class: 'hidden' }, 'Theme'),
    h('select', { value, onchange: choose }, options.map(([said, label]) => h('option', { value: said }, label))));
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => document.dispatchEvent(new Event('themechange')));

async function signOut() {
  try {
    await api.delete('/console/session');
  } finally {
    showSignIn('You are signed out.');
  }
}
