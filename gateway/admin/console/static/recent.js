// The last two minutes as the live page needs them: `/admin/v1/live`, remembered second by second, and summed up.

const OVERLAP_S = 3;
// `other` of the gateway; and whatever has no row of its own.
export const OTHER = 'other';
const COUNTS = ['calls', 'failed', 'refused', 'retries', 'input_tokens', 'output_tokens', 'images', 'cost_nanousd'];

export class Recent {
  constructor() {
    this.seconds = new Map();
    this.through = 0;
    this.windowS = 120;
    this.perOctave = 8;
  }

  /** The second after which to ask; some are asked for again, since a worker may have told of them late. */
  get since() {
    return Math.max(0, this.through - OVERLAP_S);
  }

  take(reply) {
    this.through = reply.through;
    this.windowS = reply.window_s;
    this.perOctave = reply.buckets_an_octave;
    for (const { at, models } of reply.seconds) this.seconds.set(at, models);
    for (const at of this.seconds.keys()) if (at <= this.through - this.windowS) this.seconds.delete(at);
  }

  get isEmpty() {
    return this.seconds.size === 0;
  }

  /** The sums of the `length` seconds up to `last`, of all models. */
  sum(last = this.through, length = 60) {
    const sum = nothing();
    for (const models of this.between(last, length)) for (const row of Object.values(models)) gather(sum, row);
    return sum;
  }

  /** The sums of each model, the busiest first. */
  byModel(length = 60) {
    const sums = new Map();
    for (const models of this.between(this.through, length)) {
      for (const [name, row] of Object.entries(models)) {
        if (!sums.has(name)) sums.set(name, nothing());
        gather(sums.get(name), row);
      }
    }
    return [...sums].map(([name, sum]) => ({ name, sum })).sort((a, b) => (a.name === OTHER) - (b.name === OTHER) || b.sum.calls - a.sum.calls);
  }

  /** In seconds, right to 5 %; null where nothing was counted. */
  quantile(buckets, share) {
    let left = share * [...buckets.values()].reduce((a, b) => a + b, 0);
    if (left === 0) return null;
    for (const [number, count] of [...buckets].sort(([a], [b]) => a - b)) {
      // Between the ends of its bucket, as far as it is through it.
      if (left <= count) return 2 ** ((number + left / count) / this.perOctave) / 1000;
      left -= count;
    }
    return null;
  }

  /** The moments of the window, each as it is on the axis. */
  get moments() {
    return Array.from({ length: this.windowS }, (_, i) => this.through - this.windowS + 1 + i);
  }

  *between(last, length) {
    for (let at = last - length + 1; at <= last; at += 1) if (this.seconds.has(at)) yield this.seconds.get(at);
  }
}

function nothing() {
  return { ...Object.fromEntries(COUNTS.map((name) => [name, 0])), latency: new Map(), ttft: new Map() };
}

function gather(sum, row) {
  for (const name of COUNTS) sum[name] += row[name];
  for (const name of ['latency', 'ttft']) {
    for (const [number, count] of Object.entries(row[name])) sum[name].set(Number(number), (sum[name].get(Number(number)) ?? 0) + count);
  }
}
