/**
 * Run `ask` now and then `everyMs` after its end, as long as the page can be seen: a hidden page asks nothing, and asks
 * at once when it is seen again. Ends when `signal` aborts. What `ask` raises goes to `onError`; it is asked again all the same.
 */
export function poll(everyMs, signal, ask, onError) {
  let timer = 0;
  let isAsking = false;
  async function turn() {
    clearTimeout(timer);
    if (signal.aborted || document.hidden || isAsking) return;
    isAsking = true;
    try {
      await ask();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    isAsking = false;
    if (!signal.aborted) timer = setTimeout(turn, everyMs);
  }
  document.addEventListener('visibilitychange', turn, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  return turn();
}
