/**
 * Run `ask` now and then `everyMs` after its end, as long as the page can be seen: a hidden page asks nothing, and asks
 * at once when it is seen again. Ends when `signal` aborts. What `ask` raises goes to `onError(error, since)`, where `since` is when it
 * last went well, in seconds since the epoch, or null; it is asked again all the same.
 */
export function poll(everyMs, signal, ask, onError) {
  let timer = 0;
  let isAsking = false;
  let since = null;
  async function turn() {
    clearTimeout(timer);
    if (signal.aborted || document.hidden || isAsking) return;
    isAsking = true;
    try {
      await ask();
      since = Date.now() / 1000;
    } catch (error) {
      if (!signal.aborted) onError(error, since);
    }
    isAsking = false;
    if (!signal.aborted) timer = setTimeout(turn, everyMs);
  }
  document.addEventListener('visibilitychange', turn, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  return turn();
}
