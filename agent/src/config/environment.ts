/** The configuration in environment variables: ours, one for each key, and those of OpenTelemetry's OTLP exporter. */
import { parse } from 'yaml';
import { configKeys, ENVIRONMENT_PREFIX, type ConfigKey } from '../../../schemas/config/keys.js';
import { NOT_BUILT } from '../../../schemas/config/not-built.js';
import type { EnvironmentForm } from '../../../schemas/config/values.js';
import { layerOf, type Layer, type Setting } from './layer.js';
import { nearest } from './nearest.js';
import type { ConfigProblem } from './error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** SLTAGENT_ variables that are no keys of the configuration: the addon that native.ts loads, the Python of deploy/host. */
const NO_KEYS = new Set(['SLTAGENT_ADDON', 'SLTAGENT_PYTHON']);

/** Keys that interface.md names below one that can only be off so far. */
const KEYS_SWITCHED_OFF = configKeys.filter((key) => key.kind.environment === 'switch');

/**
 * The value that a text stands for. A text that does not fit the form stays a text, for the schema to refuse with
 * the words of the key.
 */
export function valueOf(text: string, form: EnvironmentForm): unknown {
  switch (form) {
    case 'text':
      return text;
    case 'number':
      return /^\d+$/.test(text) ? Number(text) : text;
    case 'switch':
      return text === 'false' ? false : text;
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'pairs':
      return pairs(text) ?? text;
    case 'yaml':
      try {
        return parse(text) as unknown;
      } catch {
        return text;
      }
  }
}

/** `key=value,key2=value2`, percent-encoded as in W3C Baggage: the form of OTEL_EXPORTER_OTLP_HEADERS. */
function pairs(text: string): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const pair of text.split(',').filter((item) => item.trim() !== '')) {
    const equals = pair.indexOf('=');
    if (equals < 1) {
      return undefined;
    }
    try {
      found[decodeURIComponent(pair.slice(0, equals).trim())] = decodeURIComponent(
        pair.slice(equals + 1).trim(),
      );
    } catch {
      return undefined;
    }
  }
  return found;
}

/** The variables SLTAGENT_*. One that is empty counts as not set, as in OpenTelemetry's specification. */
export function environmentLayer(environment: Environment): { layer: Layer; problems: ConfigProblem[] } {
  const settings: Setting[] = [];
  const problems: ConfigProblem[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (
      !variable.startsWith(ENVIRONMENT_PREFIX) ||
      NO_KEYS.has(variable) ||
      text === undefined ||
      text === ''
    ) {
      continue;
    }
    const key = configKeys.find((candidate) => candidate.variable === variable);
    if (key === undefined) {
      problems.push({ where: variable, key: '', message: unknownVariable(variable) });
    } else {
      settings.push({ path: key.path, value: valueOf(text, key.kind.environment), where: variable });
    }
  }
  return { layer: layerOf('environment', settings), problems };
}

function unknownVariable(variable: string): string {
  const parent = KEYS_SWITCHED_OFF.find((key) => variable.startsWith(`${key.variable}_`));
  if (parent !== undefined) {
    return `${NOT_BUILT}: ${parent.name} can only be off`;
  }
  const meant = nearest(
    variable,
    configKeys.map((key) => key.variable),
  );
  return `unknown variable, ${meant === undefined ? 'see sltagent config docs' : `did you mean ${meant}?`}`;
}

/** By the name of the key under export.otlp: the end of the names of OpenTelemetry's variables. */
const OTEL_ENDS: readonly (readonly [key: string, end: string])[] = [
  ['protocol', 'PROTOCOL'],
  ['headers', 'HEADERS'],
  ['timeout', 'TIMEOUT'],
  ['compression', 'COMPRESSION'],
];

/**
 * OTEL_EXPORTER_OTLP_*, of which the _TRACES_ variants win. Source: OpenTelemetry specification, "OpenTelemetry
 * Protocol Exporter"; certificates are left to the official exporters, which read those variables themselves.
 */
export function otelLayer(environment: Environment): Layer {
  const settings: Setting[] = [];
  const take = (key: string, variable: string) => {
    const text = environment[variable];
    const found = configKeys.find((candidate) => candidate.name === `export.otlp.${key}`);
    if (text !== undefined && text !== '' && found !== undefined) {
      settings.push({ path: found.path, value: otelValue(found, text), where: variable });
    }
  };
  take('endpoint', 'OTEL_EXPORTER_OTLP_ENDPOINT');
  take('traces_endpoint', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  for (const [key, end] of OTEL_ENDS) {
    take(key, `OTEL_EXPORTER_OTLP_${end}`);
    take(key, `OTEL_EXPORTER_OTLP_TRACES_${end}`);
  }
  return layerOf('otel', settings);
}

function otelValue(key: ConfigKey, text: string): unknown {
  // The specification gives times in milliseconds, without a unit.
  return key.path.at(-1) === 'timeout' && /^\d+$/.test(text)
    ? `${text}ms`
    : valueOf(text, key.kind.environment);
}
