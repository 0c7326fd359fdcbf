/** What is wrong with a configuration, said so that its author finds the place and knows what belongs there. */
import type { z } from 'zod';
import { kindAt, namesAt } from '../../../schemas/config/keys.js';
import { NOT_BUILT } from '../../../schemas/config/not-built.js';
import { nearest } from './nearest.js';

/** A problem at a path of the configuration; who knows the layer adds where that is. */
export interface PathProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The problem is the name of the key, not its value. */
  readonly ofName?: boolean;
}

export function pathName(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}

/** Of several issues at one path the first is enough: the others follow from it. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], raw: unknown): PathProblem[] {
  const seen = new Set<string>();
  return issues.flatMap((issue) => {
    const name = pathName(issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(issue.path, key));
    }
    if (seen.has(name)) {
      return [];
    }
    seen.add(name);
    return [{ path: issue.path, message: messageOf(issue, valueAt(raw, issue.path)) }];
  });
}

function unknownKey(path: readonly PropertyKey[], key: string): PathProblem {
  const names = namesAt(path);
  const meant = nearest(key, names);
  const hint = meant === undefined ? `expected one of ${names.join(', ')}` : `did you mean ${meant}?`;
  return { path: [...path, key], message: `unknown key, ${hint}`, ofName: true };
}

function messageOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.message.startsWith(NOT_BUILT) || (issue.code === 'custom' && issue.params?.said === true)) {
    return issue.message;
  }
  const kind = kindAt(issue.path);
  const expected = kind?.expected ?? 'a map of keys';
  if (value === undefined) {
    return `missing, expected ${expected}`;
  }
  return kind?.secret === true ? `expected ${expected}` : `expected ${expected}, got ${show(value)}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  if (text.length > 60 && Array.isArray(value)) return `a list of ${value.length}`;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** undefined where the path leads nowhere. */
export function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
