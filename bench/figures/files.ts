/** docs/figures: the data, and the plots and the page that are made of it, always with the same bytes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../test/helpers/compile.js';
import type { FigureA, FigureB, Figures, Peers } from './measured.js';
import { page } from './page.js';
import { svg } from './plot.js';
import { plotPeers } from './plot-peers.js';
import { plotRequests } from './plot-requests.js';
import { plotService } from './plot-service.js';

const folder = join(root, 'docs', 'figures');

/** By its path in the tree. */
export function publication(figures: Figures): Readonly<Record<string, string>> {
  return {
    'docs/figures/service.svg': svg(plotService(figures.a)),
    'docs/figures/requests.svg': svg(plotRequests(figures.b)),
    'docs/figures/peers.svg': svg(plotPeers(figures.peers)),
    'docs/cost.md': page(figures),
  };
}

export function saveFigures(figures: Figures): void {
  mkdirSync(folder, { recursive: true });
  const save = (name: string, data: unknown): void => writeFileSync(join(folder, name), json(data));
  save('service.json', figures.a);
  save('requests.json', figures.b);
  save('peers.json', figures.peers);
}

/** Arrays of numbers on one line. */
function json(data: unknown): string {
  const text = JSON.stringify(data, null, 2);
  return `${text.replace(/\[[\s\d.,e+-]*\]/g, (array) => array.replace(/\s+/g, ' '))}\n`;
}

export function readFigures(): Figures {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  return {
    a: read('service.json') as FigureA,
    b: read('requests.json') as FigureB,
    peers: read('peers.json') as Peers,
  };
}

export function publish(figures: Figures): void {
  for (const [path, text] of Object.entries(publication(figures))) writeFileSync(join(root, path), text);
}
