/** One source of configuration: what it sets, and where it says so. Stronger layers come later in a list of layers. */

export type LayerName = 'default' | 'otel' | 'file' | 'environment' | 'flag';

export interface Layer {
  readonly name: LayerName;
  /** As read: maps and lists, not validated. */
  readonly raw: unknown;
  /** Where the value at a path was said; `ofName`: where its key was. */
  where(path: readonly PropertyKey[], ofName?: boolean): string;
}

/** A value that was given for one key from outside of a file. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The variable or the flag. */
  readonly where: string;
}

/** Of two settings of one key the later one holds. */
export function layerOf(name: LayerName, settings: readonly Setting[]): Layer {
  const raw: Record<string, unknown> = {};
  for (const { path, value } of settings) {
    let map = raw;
    for (const step of path.slice(0, -1)) {
      const next = (map[step] ?? {}) as Record<string, unknown>;
      map[step] = next;
      map = next;
    }
    map[path.at(-1) ?? ''] = value;
  }
  return {
    name,
    raw,
    where: (path) =>
      settings.findLast((setting) => setting.path.every((step, index) => path[index] === step))?.where ?? '',
  };
}
