// Filters of a listing, kept in the address so that it can be shared.

/** Those of `names` that `query` (URLSearchParams) says something of, as text. */
export function read(query, names) {
  return Object.fromEntries(names.map((name) => [name, query.get(name)]).filter(([, value]) => value));
}

/** The hash of the page `path` with `filters`: `#/calls?model=fast`. What is empty is left out. */
export function hash(path, filters) {
  const said = Object.entries(filters).filter(([, value]) => value);
  return `#/${path}${said.length ? `?${new URLSearchParams(said)}` : ''}`;
}

const SPANS_S = { '15m': 900, '1h': 3600, '1d': 86_400, '7d': 604_800 };

/** What the log of calls is asked, of `filters` at `now` (milliseconds since the epoch): a span becomes the moment it began at. */
export function question({ span, result, ...filters }, now) {
  const asked = { ...filters };
  if (SPANS_S[span]) asked.since = new Date(now - SPANS_S[span] * 1000).toISOString();
  if (result) asked.failed = String(result === 'failed');
  return asked;
}
