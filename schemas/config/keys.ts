/** The keys of the configuration as a flat list, read off the schema: for variables, origins, messages and the reference page. */
import { z } from 'zod';
import { configSchema } from './schema.js';
import { valueKinds, type ValueKind } from './values.js';

export const ENVIRONMENT_PREFIX = 'SLTAGENT_';

export interface ConfigKey {
  readonly path: readonly string[];
  /** As a user writes it: `data.arguments`. */
  readonly name: string;
  /** The variable that sets it: `SLTAGENT_DATA_ARGUMENTS`. */
  readonly variable: string;
  readonly kind: ValueKind;
  readonly description: string;
  /** As it would stand in a file; undefined: none. */
  readonly initial: unknown;
}

/** The schema under optional() and prefault(). */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return bare(schema.def.innerType);
  }
  return schema;
}

function kindOf(schema: z.core.$ZodType): ValueKind | undefined {
  return valueKinds.get(schema) ?? valueKinds.get(bare(schema));
}

function keysOf(schema: z.core.$ZodType, path: readonly string[]): ConfigKey[] {
  const inner = bare(schema);
  const kind = kindOf(schema);
  if (kind === undefined && inner instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = inner.shape;
    return Object.entries(shape).flatMap(([name, child]) => keysOf(child, [...path, name]));
  }
  const name = path.join('.');
  if (kind === undefined) {
    throw new TypeError(`the schema says nothing of the kind of the key ${name}`);
  }
  const variable = ENVIRONMENT_PREFIX + path.join('_').toUpperCase();
  const description = z.globalRegistry.get(schema)?.description ?? '';
  const initial = schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined;
  return [{ path, name, variable, kind, description, initial }];
}

/** Every key that can be set by itself, in the order of the schema. Keys inside the items of a list are not among them. */
export const configKeys: readonly ConfigKey[] = keysOf(configSchema, []);

/** The keys of one rule. */
export function ruleKeys(): readonly ConfigKey[] {
  const rules = bare(configSchema.shape.rules);
  return rules instanceof z.ZodArray ? keysOf(rules.element, []) : [];
}

/** The schema at a path of an issue (names of keys and positions in lists); undefined where there is none. */
function schemaAt(path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = configSchema;
  for (const step of path) {
    const inner: z.core.$ZodType | undefined = schema === undefined ? undefined : bare(schema);
    if (inner instanceof z.ZodObject) {
      const shape: Readonly<Record<string, z.core.$ZodType>> = inner.shape;
      schema = shape[String(step)];
    } else if (inner instanceof z.ZodArray) {
      schema = inner.element;
    } else {
      return undefined;
    }
  }
  return schema;
}

/** The kind of the value at a path, or of the nearest list or map around it. */
export function kindAt(path: readonly PropertyKey[]): ValueKind | undefined {
  for (let length = path.length; length > 0; length--) {
    const schema = schemaAt(path.slice(0, length));
    const kind = schema === undefined ? undefined : kindOf(schema);
    if (kind !== undefined) {
      return kind;
    }
  }
  return undefined;
}

/** The names that the map at a path may hold; none where no map belongs there. */
export function namesAt(path: readonly PropertyKey[]): string[] {
  const schema = schemaAt(path);
  const inner = schema === undefined ? undefined : bare(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}
