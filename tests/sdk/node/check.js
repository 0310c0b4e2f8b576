// A list of checks: each has a sentence for a name, and gets the SDK's client and what else it needs.

export const checks = [];

export function check(name, run) {
  checks.push({ name, run });
}

export function fail(what) {
  throw new Error(what);
}

// The error that `promise` is rejected with, which must be one.
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return fail(`no error but ${JSON.stringify(value)}`);
}
