// Where the time of a call went, as rows of a waterfall. Figures only: `pages/calls.js` shows them. Times are seconds from the
// call's arrival.

/**
 * The rows of `call`, as `/admin/v1/calls` tells it: its hold, its attempts, its reply to the client. Each has `kind`, `label`,
 * `end` (how it ended, in words), `tone` and `parts`: `{kind, from_s, to_s, left, width}`, with the shares `left` and `width`
 * of the whole from 0 to 1. `mark` is the share at which its first token came, null for none.
 */
export function waterfall(call) {
  const ends = call.attempts.map((attempt) => attempt.started_after_s + attempt.duration_s);
  const whole_s = Math.max(call.duration_s, (call.hold_after_s ?? 0) + call.hold_s, ...ends) || 1e-6;
  const part = (kind, from_s, to_s) => ({ kind, from_s, to_s, left: from_s / whole_s, width: Math.max(0, to_s - from_s) / whole_s });
  const rows = [];
  if (call.hold_after_s !== null) {
    rows.push({ kind: 'hold', label: 'Hold of limits and budgets', end: call.error && !call.attempts.length ? 'refused' : 'held', tone: 'quiet', mark: null,
      parts: [part('hold', call.hold_after_s, call.hold_after_s + call.hold_s)] });
  }
  call.attempts.forEach((attempt, i) => rows.push(attemptRow(attempt, i, call, part, whole_s)));
  if (call.stream && call.ttft_s !== null) {
    rows.push({ kind: 'reply', label: 'Stream to the client', end: call.finish ?? call.error ?? 'ended', tone: call.error ? 'bad' : 'good',
      mark: call.ttft_s / whole_s, parts: [part('receiving', call.ttft_s, call.duration_s)] });
  }
  return { whole_s, rows, ticks: ticks(whole_s) };
}

function attemptRow(attempt, i, call, part, whole_s) {
  const from_s = attempt.started_after_s;
  const to_s = from_s + attempt.duration_s;
  const first_s = attempt.ttft_s === null ? null : from_s + attempt.ttft_s;
  const parts = first_s === null ? [part('waiting', from_s, to_s)] : [part('waiting', from_s, first_s), part('receiving', first_s, to_s)];
  return {
    kind: attempt.kind,
    label: `${i + 1}. ${attempt.target}`,
    end: attempt.error === null ? 'served' : said(attempt.error),
    tone: attempt.error === null ? 'good' : attempt.error === 'cancelled' ? 'warn' : 'bad',
    mark: first_s === null ? null : first_s / whole_s,
    parts,
  };
}

/** A reason as people read it: `rate_limited` is 'rate limited'. */
export const said = (reason) => reason.replaceAll('_', ' ');

/** Four to ten round moments from 0 to `whole_s`: `{at_s, left}`. */
export function ticks(whole_s) {
  const rough = whole_s / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((times) => times * unit >= rough * (1 - 1e-9)) ?? 10);
  return Array.from({ length: Math.floor(whole_s / step + 1e-9) + 1 }, (_, i) => ({ at_s: i * step, left: (i * step) / whole_s }));
}
