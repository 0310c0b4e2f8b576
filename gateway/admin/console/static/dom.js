// Elements from data. Text only ever becomes text nodes: nothing in the console parses HTML.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element. `attrs`: `class`, `on…` functions as listeners (`onclick`), `dataset` and `style` as objects (`style` is set
 * through the CSSOM, which the content security policy allows), booleans as present or absent, null and undefined as absent; all else as
 * attributes. `value`, `checked`, `selected`, `disabled`, `open` and `indeterminate` are set as properties.
 * Children: nodes, strings, numbers, nested arrays; null, undefined and false are left out.
 */
export function h(tag, attrs, ...children) {
  return filled(document.createElement(tag), attrs, children);
}

/** The same for SVG. */
export function svg(tag, attrs, ...children) {
  return filled(document.createElementNS(SVG, tag), attrs, children);
}

/** Put `children` in place of all that `parent` holds. Gives `parent`. */
export function put(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

/** Append `children`, as `h` takes them. Gives `parent`. */
export function add(parent, ...children) {
  parent.append(...nodes(children));
  return parent;
}

const PROPERTIES = new Set(['value', 'checked', 'selected', 'disabled', 'open', 'indeterminate']);

function filled(element, attrs, children) {
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name === 'style') for (const [key, said] of Object.entries(value)) element.style.setProperty(key, said);
    else if (PROPERTIES.has(name) && name in element) element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  // After the children: a select has no value before it has options.
  element.append(...nodes(children));
  if (element.tagName === 'SELECT' && attrs?.value !== undefined) element.value = attrs.value;
  return element;
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
