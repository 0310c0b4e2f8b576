// What a call's cost is made of, by the price of its target.

const TOKENS = [
  ['input', 'Input'], ['cached_input', 'Cached input'], ['cache_write', 'Cache write'], ['cache_write_1h', 'Cache write, kept an hour'],
  ['image_input', 'Image input'], ['cached_image_input', 'Cached image input'], ['audio_input', 'Audio input'],
  ['output', 'Output'], ['reasoning', 'Reasoning'], ['image_output', 'Image output'], ['audio_output', 'Audio output'],
];

/**
 * The parts of what `call` consumed: `{name, amount, rate, usd}`, where `rate` is USD a million tokens as text, `usd` a number, and
 * both are null where `price` says nothing of it. `isExact`: the parts make the cost; prices with tiers, terms or lines of
 * images, or which changed since, may not.
 */
export function split(call, price) {
  const rates = price?.per_million_tokens ?? {};
  const parts = TOKENS.filter(([kind]) => call.usage[kind]).map(([kind, name]) => {
    const rate = rates[kind] ?? (price?.is_free ? '0' : null);
    return { name: `${name} tokens`, amount: call.usage[kind], rate, usd: rate === null ? null : (call.usage[kind] * Number(rate)) / 1e6 };
  });
  if (call.usage.images) parts.push({ name: 'Images', amount: call.usage.images, rate: null, usd: imagesUsd(call, price) });
  const sum = parts.reduce((whole, part) => whole + (part.usd ?? Number.NaN), 0);
  const cost = Number(call.cost_usd);
  return { parts, isExact: parts.length > 0 && Math.abs(sum - cost) <= Math.max(1e-9 * parts.length, cost * 1e-6) };
}

function imagesUsd(call, price) {
  const lines = price?.per_image ?? {};
  const line = lines[`${call.image_quality}/${call.image_size}`] ?? lines.default;
  if (line === undefined) return price && Object.keys(price.per_million_tokens).length ? 0 : null;
  return call.usage.images * Number(line);
}
