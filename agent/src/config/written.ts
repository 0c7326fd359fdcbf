/** A configuration as it would stand in a file, with the origin of each value. */
import { Document, isCollection, isScalar } from 'yaml';
import { formatDuration } from '../../../schemas/config/duration.js';
import { configKeys, type ConfigKey } from '../../../schemas/config/keys.js';
import type { Config } from '../../../schemas/config/schema.js';
import { formatSize } from '../../../schemas/config/size.js';
import type { LoadedConfig, Origin } from './load.js';
import { valueAt } from './problem.js';

/** What stands for the value of a header: it is often a credential, and this text is often pasted into a report. */
const HIDDEN = '(hidden)';

/** Maps, lists, texts, numbers and switches only; what has no value is left out. */
export function writtenConfig(config: Config): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const key of configKeys) {
    const value = valueAt(config, key.path);
    if (value !== undefined) {
      let map = written;
      for (const step of key.path.slice(0, -1)) {
        map = (map[step] ??= {}) as Record<string, unknown>;
      }
      map[key.path.at(-1) ?? ''] = writtenValue(key, value);
    }
  }
  return written;
}

function writtenValue(key: ConfigKey, value: unknown): unknown {
  if (key.kind.secret === true && typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.keys(value).map((name) => [name, HIDDEN]));
  }
  return key.kind.bytes === true && typeof value === 'number' ? formatSize(value) : withUnits(value);
}

function withUnits(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return formatDuration(value);
  }
  if (Array.isArray(value)) {
    return value.map(withUnits);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, withUnits(child)]));
  }
  return value;
}

/** YAML that loads again (but for hidden values), each value with its origin as a comment. */
export function writtenYaml({ config, origins }: LoadedConfig): string {
  const document = new Document(writtenConfig(config));
  for (const key of configKeys) {
    const node = document.getIn(key.path, true);
    const origin = origins.get(key.name);
    if (origin !== undefined && (isScalar(node) || isCollection(node))) {
      node.comment = ` ${originText(origin)}`;
      if (isCollection(node)) {
        node.flow = true;
      }
    }
  }
  return document.toString({ lineWidth: 0 });
}

function originText({ layer, where }: Origin): string {
  return layer === 'default' ? 'default' : where;
}
