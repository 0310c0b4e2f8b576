// Signing in with an admin key.

import { api } from './api.js';
import { h } from './dom.js';
import { field } from './parts.js';

/** The form. `why` says why it is shown; `welcome` is given the session once there is one. */
export function signIn({ why, welcome }) {
  const key = h('input', { type: 'password', name: 'key', autocomplete: 'current-password', required: true, spellcheck: 'false' });
  const labelled = field('Admin key', key, 'server.admin_key of the configuration, or one of its admins.');
  const button = h('button', { class: 'button primary' }, 'Sign in');
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    labelled.fail(null);
    try {
      welcome(await api.post('/console/session', { key: key.value }));
    } catch (error) {
      labelled.fail(error.status === 401 ? 'No admin has this key.' : error.message);
      key.select();
    } finally {
      button.disabled = false;
    }
  }
  return h('main', { class: 'sign-in' },
    h('form', { class: 'panel', onsubmit: submit },
      h('img', { src: '/console/icon.svg', alt: '', width: '36', height: '36' }),
      h('h1', {}, 'Sluice console'),
      why && h('p', { class: 'muted', role: 'status' }, why),
      // For password managers, which keep a key better than a note does.
      h('input', { type: 'text', name: 'username', autocomplete: 'username', value: 'sluice-admin', hidden: true, tabindex: '-1', 'aria-hidden': 'true' }),
      labelled, button));
}
