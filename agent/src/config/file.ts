/** A configuration file: YAML, read so that every value and every key is known by line and column. */
import { isMap, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { Layer } from './layer.js';
import type { ConfigProblem } from './error.js';

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

export function fileLayer(file: ConfigFile): { layer: Layer; problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file.path}:${line}:${col}`;
  };
  const problems = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    where: at(pos[0]),
    key: '',
    message: `not valid YAML: ${message}`,
  }));
  if (problems.length > 0) {
    return { layer: { name: 'file', raw: {}, where: () => file.path }, problems };
  }
  const layer: Layer = {
    name: 'file',
    raw: withoutEmptyMaps(document.toJS()),
    where: (path, ofName = false) => at(offsetOf(document, path, ofName)),
  };
  return { layer, problems };
}

/** A key of a map whose lines are all commented out is null in YAML; it means that nothing is set below it. */
function withoutEmptyMaps(value: unknown): unknown {
  if (value === null) {
    return {};
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== null)
      .map(([key, child]) => [key, withoutEmptyMaps(child)]),
  );
}

/** Offset of the value at a path, or of its key; of the nearest thing around it where there is none. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], ofName: boolean): number {
  for (let length = path.length; length > 0; length--) {
    const offset = exactOffset(document, path.slice(0, length), ofName && length === path.length);
    if (offset !== undefined) {
      return offset;
    }
  }
  return document.range[0];
}

function exactOffset(
  document: Document.Parsed,
  path: readonly PropertyKey[],
  ofName: boolean,
): number | undefined {
  if (!ofName) {
    return (document.getIn(path, true) as Node | undefined)?.range?.[0];
  }
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) {
    return undefined;
  }
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
  return (pair?.key as Node | undefined)?.range?.[0];
}
