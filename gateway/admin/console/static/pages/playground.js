// Calls to the gateway itself, as a client makes them: a chat that streams, and images.

import { api } from '../api.js';
import { callerKey } from '../caller_key.js';
import { chat } from '../playground_chat.js';
import { add, h, put } from '../dom.js';
import { hash } from '../filters.js';
import { images } from '../playground_images.js';
import { serving } from '../models.js';
import { empty, head, panel } from '../parts.js';

export const title = 'Playground';

const TABS = [['chat', 'Chat'], ['images', 'Images']];
let isSwitched = false;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

export default async function page(root, { signal, params, me }) {
  const [{ data: models }, { data: targets }, { settings }] = await Promise.all([
    api.get('/models', { signal }), api.get('/targets', { signal }), api.get('/config', { signal })]);
  const caller = callerKey({ me, isOpen: LOOPBACK.has(location.hostname) && !settings.keys.length && !settings.oidc, signal });
  const tab = TABS.some(([name]) => name === params[0]) ? params[0] : 'chat';
  const facts = { models: serving(tab, models, targets), targets, caller, signal };
  const choices = h('fieldset', { class: 'choices' }, h('legend', { class: 'hidden' }, 'What to try'), TABS.map(([name, label]) => h('label', {},
    h('input', { type: 'radio', name: 'tab', value: name, checked: tab === name, onchange: () => { isSwitched = true; location.hash = hash(`playground/${name}`, {}); } }), label)));
  const body = h('div', {});
  add(root, head(title, 'Call your models as a client does. Calls cost what calls cost, and are in the log of calls.', choices), body);
  // The arrows of the keyboard go on from there.
  if (isSwitched) choices.querySelector(':checked').focus();
  isSwitched = false;
  if (!facts.models.length) {
    put(body, panel(title, {}, empty(`No model ${tab === 'images' ? 'makes images' : 'chats'}`, 'Add one to the configuration, with a target whose provider has a credential.')));
  } else {
    put(body, (tab === 'images' ? images : chat)(facts));
  }
}

