// Which models the playground offers, and what of them.

const UNLIKELY = 1;
const LIKELY = 2;

/**
 * The names of the `models` that have a target that is on and may serve `tab`, chat or images; those that surely or likely do first.
 * A target that says nothing of its endpoints may serve any; one that has a price for images likely makes them.
 */
export function serving(tab, models, targets) {
  const chance = (name) => Math.max(0, ...targets.filter((target) => target.model === name && !target.off_because).map((target) => (tab === 'images' ? draws(target) : chats(target))));
  return models.map(({ name }) => ({ name, chance: chance(name) })).filter((one) => one.chance > 0)
    .sort((one, other) => other.chance - one.chance).map(({ name }) => name);
}

function chats({ capabilities: { endpoints }, price }) {
  if (endpoints !== null) return endpoints.includes('chat/completions') ? LIKELY : 0;
  return hasImagePrice(price) ? UNLIKELY : LIKELY;
}

function draws({ capabilities: { endpoints, features }, price }) {
  if (endpoints !== null) return endpoints.includes('images/generations') || features?.includes('image_output') ? LIKELY : 0;
  return hasImagePrice(price) ? LIKELY : UNLIKELY;
}

const hasImagePrice = (price) => Boolean(price && Object.keys(price.per_image).length);

/**
 * The sizes and qualities of images that any target of `model` that is on says it makes, or has a price for; none where none says.
 * What is left to the provider (`auto`) is not among them.
 */
export function imageChoices(model, targets) {
  const own = targets.filter((target) => target.model === model && !target.off_because);
  const priced = own.flatMap((target) => Object.keys(target.price?.per_image ?? {})).filter((line) => line !== 'default').map((line) => line.split('/'));
  const distinct = (values) => [...new Set(values)].filter((value) => value !== 'auto').sort();
  return {
    sizes: distinct([...own.flatMap((target) => target.capabilities.image_sizes ?? []), ...priced.map(([, size]) => size)]),
    qualities: distinct([...own.flatMap((target) => target.capabilities.image_qualities ?? []), ...priced.map(([quality]) => quality)]),
  };
}
