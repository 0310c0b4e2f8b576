// Figures as people read them. Everything takes null and undefined for "not known", and shows a dash then.

export const NONE = '–';
const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/** Decimal text in USD, exact: '0.000123' is '$0.000123'. Never less than two decimals; all that there are. */
export function usdExact(text) {
  if (!known(text)) return NONE;
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text)) ?? [null, '', String(text)];
  return `${sign}$${grouped(whole)}.${fraction.padEnd(2, '0')}`;
}

/** Decimal text or a number of USD, short: from a dollar to the cent, below it to three digits that say something. Exact amounts belong in a title. */
export function usd(said) {
  if (!known(said)) return NONE;
  const amount = Number(said);
  if (amount === 0) return '$0.00';
  if (Math.abs(amount) >= 100_000) return `$${compact(amount)}`;
  const digits = Math.abs(amount) >= 1 ? 2 : Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(Math.abs(amount)))));
  return usdExact(amount.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, '$1'));
}

/** Nano-dollars, an integer, as decimal text in USD. */
export function ofNano(nanousd) {
  const digits = BigInt(Math.round(nanousd)).toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/0+$/, '').replace(/\.$/, '');
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** 12345 is '12,345'. */
export const count = (value) => (known(value) ? whole.format(value) : NONE);

/** 12345 is '12.3K'. */
export const compact = (value) => (known(value) ? short.format(value) : NONE);

/** Calls or tokens a second: '0.04', '12.3', '1,250'. */
export function rate(value) {
  if (!known(value)) return NONE;
  if (value === 0 || value >= 100) return count(value);
  return value.toFixed(value < 1 ? 2 : 1);
}

/** Seconds as a latency: '0.4 ms', '312 ms', '2.41 s'. */
export function seconds(value) {
  if (!known(value)) return NONE;
  if (value === 0) return '0 ms';
  const ms = value * 1000;
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

/** 0.0312 is '3.1 %'. */
export function percent(share, digits = 1) {
  if (!known(share)) return NONE;
  const value = share * 100;
  return `${value === 0 || value === 100 ? value : value.toFixed(digits)} %`;
}

/** Seconds as a span: '45 s', '12 min', '3 h 20 min', '6 d 4 h'. */
export function span(value) {
  if (!known(value)) return NONE;
  const s = Math.max(0, Math.round(value));
  if (s < 90) return `${s} s`;
  const min = Math.round(s / 60);
  if (min < 90) return `${min} min`;
  const hours = Math.floor(min / 60);
  if (hours < 48) return `${hours} h${min % 60 ? ` ${min % 60} min` : ''}`;
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

const date = (moment) => (typeof moment === 'number' ? new Date(moment * 1000) : new Date(moment));
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
// Of 24 hours: columns of times are read at a glance, and two letters less are two too many on an axis.
const clock = new Intl.DateTimeFormat(undefined, { hourCycle: 'h23', hour: '2-digit', minute: '2-digit', second: '2-digit' });
const both = new Intl.DateTimeFormat(undefined, { hourCycle: 'h23', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** Moments: ISO 8601 or seconds since the epoch, in the browser's zone. */
export const onDay = (moment) => (known(moment) ? day.format(date(moment)) : NONE);
export const atTime = (moment) => (known(moment) ? clock.format(date(moment)) : NONE);
export const at = (moment) => (known(moment) ? both.format(date(moment)) : NONE);
export const inFull = (moment) => (known(moment) ? full.format(date(moment)) : NONE);
