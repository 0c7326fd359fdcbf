/**
 * The kinds of value that a configuration key may hold. Each carries, beside its zod schema, the words that an error
 * message uses for what was expected, and how the value is written in an environment variable.
 */
import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from './duration.js';
import { NOT_BUILT } from './not-built.js';
import { SIZE_PATTERN, formatSize, parseSize } from './size.js';

/** How the text of an environment variable becomes a value of the key. */
export type EnvironmentForm = 'text' | 'number' | 'switch' | 'list' | 'pairs' | 'yaml';

export interface ValueKind {
  /** Completes the sentence "expected …". */
  readonly expected: string;
  readonly environment: EnvironmentForm;
  /** The parsed value is a number of bytes, which is written with a unit. */
  readonly bytes?: true;
  /** The value may be a credential: it is never printed. */
  readonly secret?: boolean;
}

/** Kinds by schema; schemas derived by describe() or prefault() inherit it. */
export const valueKinds = z.registry<ValueKind>();

const MAX_DURATION_NS = 86_400_000_000_000n;

function notBuilt(what: string): string {
  return `${NOT_BUILT}: ${what}`;
}

export function duration() {
  const expected = 'a duration of at most 24h, such as 50ms, 1.5s or 2m';
  return z
    .string()
    .meta({ pattern: DURATION_PATTERN.source })
    .superRefine((text, context) => {
      if (/^p\d/.test(text)) {
        context.addIssue(notBuilt('a quantile of the history as the threshold; use a duration such as 50ms'));
      } else if ((parseDuration(text) ?? MAX_DURATION_NS + 1n) > MAX_DURATION_NS) {
        context.addIssue({ code: 'invalid_format', format: 'duration', pattern: DURATION_PATTERN.source });
      }
    })
    .transform((text) => parseDuration(text) ?? 0n)
    .register(valueKinds, { expected, environment: 'text' });
}

/** Bounds in bytes, both included. */
export function size(least: number, most: number) {
  const expected = `a size from ${formatSize(least)} to ${formatSize(most)}, such as 64MiB`;
  return z
    .string()
    .regex(SIZE_PATTERN)
    .refine((text) => {
      const bytes = parseSize(text);
      return bytes !== undefined && bytes >= least && bytes <= most;
    })
    .transform((text) => parseSize(text) ?? 0)
    .register(valueKinds, { expected, environment: 'text', bytes: true });
}

/** Bounds included. */
export function integer(least: number, most: number) {
  return z
    .int()
    .min(least)
    .max(most)
    .register(valueKinds, { expected: `a whole number from ${least} to ${most}`, environment: 'number' });
}

/** One of `values`; one of `later` is a value that interface.md promises and nothing handles yet. */
export function oneOf<const Value extends string>(values: readonly Value[], later: readonly string[] = []) {
  return z
    .enum(values, {
      error: ({ input }) =>
        later.includes(String(input)) ? notBuilt(`the value ${String(input)}`) : undefined,
    })
    .register(valueKinds, {
      expected: values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`,
      environment: 'text',
    });
}

/** An issue whose message is for the user as it stands, not in the words of the key's kind. */
export function saying(message: string) {
  return { code: 'custom', message, params: { said: true } } as const;
}

/** A key whose part is not built: only what switches it off is accepted. */
export function switchedOff<const Off extends 'off' | false>(off: Off) {
  return z
    .literal(['off', false], { error: () => notBuilt('this key can only be off') })
    .transform(() => off)
    .register(valueKinds, { expected: 'off', environment: 'switch' });
}

export function text(expected: string) {
  return z.string().min(1).register(valueKinds, { expected, environment: 'text' });
}

/** HOST or HOST:PORT; an IPv6 address in brackets. */
const AUTHORITY = /^(\[[0-9a-fA-F:.]+\]|[^\s:/?#@[\]]+)(:\d{1,5})?$/;

/** That one without a scheme goes with gRPC only is checked by agent/src/config, for the protocol may come from elsewhere. */
export function otlpEndpoint() {
  return z.union([z.url({ protocol: /^https?$/ }), z.string().regex(AUTHORITY)]).register(valueKinds, {
    expected: 'an http:// or https:// URL, or with protocol grpc HOST:PORT',
    environment: 'text',
  });
}

export function listOf<Item extends z.ZodType>(item: Item, expected: string, most = Infinity) {
  const list = z.array(item);
  return (Number.isFinite(most) ? list.max(most) : list).register(valueKinds, {
    expected,
    environment: 'list',
  });
}

export function secretPairs(expected: string) {
  return z
    .record(z.string().min(1), z.string())
    .register(valueKinds, { expected, environment: 'pairs', secret: true });
}
