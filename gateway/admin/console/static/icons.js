// Line icons on a grid of 16, drawn for the console. Decoration: whatever they stand beside says it in words.

import { svg } from './dom.js';

const PATHS = {
  live: 'M1.5 8h3l2-5 3 10 2-5h3',
  targets: 'M8 2v3M8 11v3M2 8h3M11 8h3M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z',
  spend: 'M8 1.5v13M11.5 4.5C11 3.5 9.8 3 8 3 6 3 4.7 4 4.7 5.4c0 3.4 6.8 1.7 6.8 5.2C11.5 12 10 13 8 13c-2 0-3.2-.7-3.7-1.8',
  keys: 'M10.5 9a3.5 3.5 0 1 0-3.3-2.300L2 12v2h2.500v-1.800h1.800v-1.800L7.5 9.200A3.5 3.5 0 0 0 10.5 9ZM11 5.500h.01',
  teams: 'M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1.5 13.500c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 3.200a2.5 2.5 0 0 1 0 4.600M12.2 9.900c1.5.6 2.3 1.9 2.3 3.6',
  calls: 'M5.5 4h9M5.5 8h9M5.5 12h9M2 4h.01M2 8h.01M2 12h.01',
  explain: 'M3 2.500v4A3.5 3.5 0 0 0 6.5 10H13M10 7l3 3-3 3M3 6v7.5',
  playground: 'M2 3.500A1 1 0 0 1 3 2.500h10a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H7L4 14v-2.500H3a1 1 0 0 1-1-1Z',
  config: 'M2 4.500h7M12.5 4.500H14M2 11.5h1.500M7 11.5h7M10.7 6.200a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.400ZM5.3 13.200a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.400Z',
  theme: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 2v12M8 5h4.500M8 8h6M8 11h4.5',
  out: 'M6.5 14H3a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1h3.500M10.5 11.5 14 8l-3.5-3.500M14 8H6',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'M3.5 3.500l9 9M12.5 3.500l-9 9',
  warning: 'M8 2 1.5 13.500h13ZM8 6.500v3M8 11.700h.01',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.500v3.500M8 5h.01',
  copy: 'M5.5 5.500v-3h8v8h-3M2.5 5.500h8v8h-8Z',
  plus: 'M8 3v10M3 8h10',
  reload: 'M13.5 8a5.5 5.5 0 1 1-1.8-4.100M13.5 1.500v3h-3',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.7 10.7 14 14',
  send: 'M14 2 1.5 7l5 2.500L9 14.500ZM14 2 6.5 9.5',
  stop: 'M4 4h8v8H4Z',
  image: 'M2 3h12v10H2ZM2 11l3.5-3.500L9 11l2-2 3 3M10.5 6.200h.01',
};

/** The icon `name`, 16 px wide. */
export function icon(name) {
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', width: '16', height: '16', fill: 'none', stroke: 'currentColor',
    'stroke-width': '1.5', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' },
  svg('path', { d: PATHS[name] }));
}
