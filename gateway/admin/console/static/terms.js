// What a key or a team may, between the forms and the control plane. Amounts of money stay text: they are exact.

export const LIMITS = [
  ['rpm', 'Requests a minute', 'rpm'],
  ['tpm', 'Tokens a minute', 'tpm'],
  ['images_per_minute', 'Images a minute', 'images/min'],
  ['concurrency', 'Calls at the same time', 'at once'],
];
export const WINDOWS = [['hour', 'an hour'], ['day', 'a day'], ['week', 'a week'], ['month', 'a month'], ['total', 'in all']];
const PER = Object.fromEntries(WINDOWS);

/** Words between commas, spaces or lines. */
export const words = (text) => text.split(/[\s,]+/).filter(Boolean);

/** The document that makes what a form says. `values`: `name`, `tags`, `limits` by name, `budgets` as `{usd, per}`; of a key also `team`, `models`, `expires`. */
export function made(values) {
  const terms = said(values);
  const limits = Object.fromEntries(Object.entries(terms.limits).filter(([, most]) => most !== null));
  const full = Object.entries({ ...terms, limits }).filter(([, value]) => value !== null && (typeof value !== 'object' || Object.keys(value).length));
  return Object.fromEntries(full);
}

/**
 * The JSON merge patch (RFC 7396) that makes of `record` what the form says; empty where nothing differs. What the form can't
 * show stays: how a budget is held while a store is out, the limits of each end user.
 */
export function patch(record, values) {
  const terms = said(values);
  const before = said(shown(record));
  const change = {};
  for (const name of ['team', 'expires', 'models', 'tags']) {
    if (name in terms && !same(terms[name], before[name])) change[name] = terms[name];
  }
  const limits = Object.entries(terms.limits).filter(([name, most]) => most !== before.limits[name]);
  if (limits.length) change.limits = Object.fromEntries(limits);
  if (!same(terms.budgets, before.budgets)) {
    const kept = Object.fromEntries(record.budgets.map((budget) => [budget.per, budget.on_outage]));
    change.budgets = terms.budgets.map((budget) => (kept[budget.per] ? { ...budget, on_outage: kept[budget.per] } : budget));
  }
  return change;
}

/** `record`, a key or a team, as its form shows it. */
export function shown(record) {
  const values = {
    name: record.name,
    tags: record.tags.join(', '),
    limits: Object.fromEntries(LIMITS.map(([name]) => [name, record.limits[name] === null ? '' : String(record.limits[name])])),
    budgets: record.budgets.map(({ usd, per }) => ({ usd, per })),
  };
  if (!('models' in record)) return values;
  return { ...values, team: record.team ?? '', models: record.models.join(', '), expires: record.expires_at ? localMinute(new Date(record.expires_at)) : '' };
}

function said(values) {
  const terms = {
    name: values.name.trim(),
    tags: words(values.tags),
    limits: Object.fromEntries(LIMITS.map(([name]) => [name, values.limits[name] === '' ? null : Number(values.limits[name])])),
    budgets: values.budgets.filter(({ usd }) => usd.trim() !== '').map(({ usd, per }) => ({ usd: usd.trim().replace(/^\$/, ''), per })),
  };
  if (!('models' in values)) return terms;
  const models = words(values.models);
  return { ...terms, team: values.team || null, models: models.length ? models : ['*'], expires: values.expires ? new Date(values.expires).toISOString() : null };
}

/** A moment as `<input type="datetime-local">` has it, in the browser's zone. */
export function localMinute(date) {
  const two = (number) => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The window of a budget in words: 'a day'. */
export const window = (per) => PER[per] ?? per;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** The name of a model that `globs` let pass, of `models`; null if none does. */
export function allowed(models, globs) {
  const fits = (glob) => new RegExp(`^${glob.replace(/[.+^${}()|\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`);
  return models.find((name) => globs.some((glob) => fits(glob).test(name))) ?? null;
}

/** A line for a shell that calls `model` at `origin` with `key`. */
export function curl(origin, key, model) {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] });
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  return `curl ${origin}/v1/chat/completions -H ${quoted(`authorization: Bearer ${key}`)} -H 'content-type: application/json' -d ${quoted(body)}`;
}
