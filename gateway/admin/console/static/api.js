// The control plane, asked with the session's cookie.

export class ApiError extends Error {
  /** `status` 0: the gateway could not be reached. `code` and `param` are the error object's. */
  constructor(status, code, message, param = null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

const PREFIX = '/admin/v1';
// A cross-site form can't set a header, and a cross-site script would have to ask first, which is refused.
const PROOF = { 'x-sluice-console': '1' };
let onSignedOut = () => {};

/** Call `then` whenever the gateway says that nobody is signed in. */
export function whenSignedOut(then) {
  onSignedOut = then;
}

/** Ask `path` below `/admin/v1`, or below `/console`. Gives the JSON of the reply, null for none. Raises ApiError; AbortError once `signal` is aborted. */
async function ask(method, path, { body, headers = {}, signal } = {}) {
  const url = path.startsWith('/console/') ? path : PREFIX + path;
  const asked = { method, signal, headers: { ...PROOF, accept: 'application/json', ...headers }, credentials: 'same-origin', cache: 'no-store' };
  if (body !== undefined) {
    asked.body = JSON.stringify(body);
    asked.headers['content-type'] = 'application/json';
  }
  let reply;
  let said;
  try {
    reply = await fetch(url, asked);
    said = reply.status === 204 ? null : await reply.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The gateway can’t be reached.');
  }
  if (!reply.ok) {
    if (reply.status === 401 && url !== '/console/session') onSignedOut();
    throw failure(reply.status, said);
  }
  return said ? JSON.parse(said) : null;
}

function failure(status, said) {
  try {
    const { message, code, type, param } = JSON.parse(said).error;
    return new ApiError(status, code ?? type, message, param);
  } catch {
    return new ApiError(status, 'unknown', `The gateway answered with status ${status}.`);
  }
}

/** A query string of what is set: `query({team: 'a', key: ''})` is `?team=a`. */
export function query(fields) {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return set.length ? `?${new URLSearchParams(set)}` : '';
}

export const api = {
  get: (path, options) => ask('GET', path, options),
  post: (path, body, options) => ask('POST', path, { body, ...options }),
  patch: (path, body, options) => ask('PATCH', path, { body, ...options }),
  put: (path, body, options) => ask('PUT', path, { body, ...options }),
  delete: (path, body, options) => ask('DELETE', path, { body, ...options }),
};
