// The form of what a key or a team may, in a dialog.

import { add, h, put } from './dom.js';
import { icon } from './icons.js';
import { dialog, field, notice } from './parts.js';
import { LIMITS, WINDOWS } from './terms.js';

/**
 * A dialog with the form, filled with `values` (see terms.js). `kind`: 'key' or 'team'. `teams`: names to choose from. `isNew`: the name
 * can be said. `save(values)` is awaited, and what it gives is called once the dialog is gone; what it raises is shown at the field that the error names. `reload()` is
 * offered when somebody else has changed the record meanwhile.
 */
export function termsDialog(title, { kind, values, teams = [], models = [], isNew = false, action, save, reload, signal }) {
  const form = termsForm({ kind, values, teams, models, isNew });
  const problem = h('div', { class: 'problem', role: 'alert' });
  const submit = h('button', { type: 'submit', class: 'button primary', form: 'terms' }, action);
  const cancel = h('button', { type: 'button', class: 'button', onclick: () => shown.close() }, 'Cancel');
  const element = h('form', { id: 'terms', class: 'stack', novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    put(problem);
    form.clear();
    submit.disabled = true;
    try {
      const then = await save(form.values());
      shown.close();
      then?.();
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (error.status === 409 && reload) put(problem, changed(() => { shown.close(); reload(); }));
      else if (!form.fail(error.status === 409 ? 'name' : error.param, error.message)) put(problem, notice('bad', h('p', {}, error.message)));
      problem.scrollIntoView({ block: 'nearest' });
    } finally {
      submit.disabled = false;
    }
  } }, problem, form.elements);
  const shown = dialog(title, { body: element, actions: [cancel, submit], signal });
  if (isNew) element.querySelector('input').focus();
  return shown;
}

function changed(reload) {
  return notice('warn', h('p', {}, 'Somebody has changed it since you opened it. Nothing of yours was saved, and nothing of theirs is lost.'),
    h('button', { type: 'button', class: 'button small', onclick: reload }, 'Show how it is now'));
}

function termsForm({ kind, values, teams, models, isNew }) {
  const fields = {};
  const controls = {};
  const one = (name, label, control, hint) => {
    controls[name] = control;
    fields[name] = field(label, control, hint);
    return fields[name];
  };
  const input = (name, attrs) => h('input', { name, value: values[name] ?? '', autocomplete: 'off', spellcheck: 'false', ...attrs });
  const isKey = kind === 'key';
  const known = teams.includes(values.team) || !values.team ? teams : [values.team, ...teams];
  const limits = limitFields(values, fields);
  const budgets = budgetFields(values, fields);
  const elements = [
    isNew && one('name', 'Name', input('name', { required: true, maxlength: 100 }), 'How logs, reports and errors call it.'),
    isKey && one('team', 'Team', h('select', { name: 'team', value: values.team ?? '' }, h('option', { value: '' }, 'No team'), known.map((team) => h('option', { value: team }, team)))),
    isKey && one('models', 'Models', input('models', { placeholder: '*' }), `Names, with * for any part, separated by commas.${models.length ? ` There are: ${models.join(', ')}.` : ''}`),
    limits.element,
    budgets.element,
    isKey && one('expires', 'Expires', input('expires', { type: 'datetime-local' }), 'In your time zone. Empty: never.'),
    one('tags', 'Tags', input('tags'), 'What its spend is reported under as well, separated by commas.'),
  ];
  return {
    elements,
    values: () => ({
      name: values.name,
      ...Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value])),
      limits: limits.values(),
      budgets: budgets.values(),
    }),
    clear: () => Object.values(fields).forEach((each) => each.fail(null)),
    fail(param, message) {
      const names = Object.keys(fields).sort((a, b) => b.length - a.length);
      const place = param && names.find((name) => param === name || param.startsWith(`${name}.`));
      if (place) fields[place].fail(message);
      return Boolean(place);
    },
  };
}

function limitFields(values, fields) {
  const controls = LIMITS.map(([name]) => [name, h('input', { type: 'number', min: 0, step: 1, inputmode: 'numeric', name, value: values.limits[name] ?? '' })]);
  const each = controls.map(([name, control], i) => (fields[`limits.${name}`] = field(LIMITS[i][1], control)));
  return {
    element: h('fieldset', {}, h('legend', {}, 'Limits'), h('p', { class: 'hint' }, 'Empty: not limited.'), h('div', { class: 'grid-2' }, each)),
    values: () => Object.fromEntries(controls.map(([name, control]) => [name, control.value])),
  };
}

function budgetFields(values, fields) {
  const rows = h('div', { class: 'stack' });
  const append = ({ usd, per }) => {
    const row = h('div', { class: 'budget' },
      h('label', {}, h('span', { class: 'hidden' }, 'Budget in USD'), h('input', { inputmode: 'decimal', placeholder: 'USD', value: usd, autocomplete: 'off' })),
      h('label', {}, h('span', { class: 'hidden' }, 'Window'), h('select', { value: per }, WINDOWS.map(([value, label]) => h('option', { value }, label)))),
      h('button', { type: 'button', class: 'button icon-only quiet', 'aria-label': 'Remove this budget', onclick: () => { row.remove(); more.focus(); } }, icon('close')));
    add(rows, row);
    return row;
  };
  const more = h('button', { type: 'button', class: 'button small', onclick: () => append({ usd: '', per: 'day' }).querySelector('input').focus() }, icon('plus'), 'Add a budget');
  const wrong = h('p', { class: 'wrong' });
  values.budgets.forEach(append);
  fields.budgets = { fail: (text) => { wrong.textContent = text ?? ''; } };
  return {
    element: h('fieldset', {}, h('legend', {}, 'Budgets'), h('p', { class: 'hint' }, 'USD that may be spent in each window. Never passed.'), rows, wrong, h('div', { class: 'row' }, more)),
    values: () => [...rows.children].map((row) => ({ usd: row.querySelector('input').value, per: row.querySelector('select').value })),
  };
}
