/** docs/figures: the data, and what is made of it. Everything but the data can be made anew, with the same bytes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../test/helpers/compile.js';
import type { FigureA, FigureB, Figures, Peers } from './measured.js';

const folder = join(root, 'docs', 'figures');

export async function saveFigures(figures: Figures): Promise<void> {
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
