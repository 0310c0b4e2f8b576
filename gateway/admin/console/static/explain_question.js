// What the route explainer asks, from its form. Text of fields; what is empty is left out.

import { words } from './terms.js';

/** The body of `POST /admin/v1/explain`. `values` holds the text of each field, `stream` and `fallbacks` booleans. */
export function asked(values) {
  const isChat = values.endpoint === 'chat/completions';
  const isImages = values.endpoint === 'images/generations';
  const body = {
    model: values.model.trim(),
    endpoint: values.endpoint,
    prompt: values.prompt || undefined,
    key: values.key.trim() || undefined,
    stream: isChat && values.stream ? true : undefined,
    max_tokens: isChat ? number(values.max_tokens) : undefined,
    n: isImages ? number(values.n) : undefined,
    size: isImages ? values.size.trim() || undefined : undefined,
    quality: isImages ? values.quality.trim() || undefined : undefined,
    route: route(values),
  };
  return JSON.parse(JSON.stringify(body));
}

function route(values) {
  const list = (text) => (words(text).length ? words(text) : undefined);
  const providers = { only: list(values.only), ignore: list(values.ignore), order: list(values.order) };
  const seconds = number(values.max_latency_s);
  const said = JSON.parse(JSON.stringify({
    by: values.by || undefined,
    regions: list(values.regions),
    providers: Object.values(providers).some(Boolean) ? providers : undefined,
    max_cost_usd: number(values.max_cost_usd),
    max_latency_ms: seconds === undefined ? undefined : Math.round(seconds * 1000),
    min_quality: number(values.min_quality),
    allow_fallbacks: values.fallbacks ? undefined : false,
  }));
  return Object.keys(said).length ? said : undefined;
}

const number = (text) => (text.trim() === '' ? undefined : Number(text));
