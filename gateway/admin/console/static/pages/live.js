import { add } from '../dom.js';
import { empty, head } from '../parts.js';

export const title = 'Live';

export default async function page(root) {
  add(root, head(title), empty('Under construction'));
}
