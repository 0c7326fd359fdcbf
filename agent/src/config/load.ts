/** Puts the layers of the configuration together. */
import { configKeys } from '../../../schemas/config/keys.js';
import { configSchema, type Config } from '../../../schemas/config/schema.js';
import { syscallTable } from '../wire/syscall-table.js';
import { environmentLayer, otelLayer, type Environment } from './environment.js';
import { fileLayer, type ConfigFile } from './file.js';
import { layerOf, type Layer, type LayerName, type Setting } from './layer.js';
import { nearest } from './nearest.js';
import { ConfigError, type ConfigProblem } from './error.js';
import { pathName, problemsOf, valueAt, type PathProblem } from './problem.js';

export interface ConfigSources {
  readonly file?: ConfigFile | undefined;
  readonly environment: Environment;
  readonly flags: readonly Setting[];
}

/** Where the value of a key came from. */
export interface Origin {
  readonly layer: LayerName;
  /** The variable, the flag or the place in the file; empty for a default. */
  readonly where: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** By the name of the key, for every key that has a value. */
  readonly origins: ReadonlyMap<string, Origin>;
}

const DEFAULT: Origin = { layer: 'default', where: '' };

/**
 * Order, weakest first: defaults, OTEL_EXPORTER_OTLP_*, file, SLTAGENT_*, flags. A list replaces the list of a weaker
 * layer as a whole. Each layer is checked by itself, so that a mistake is told even where a stronger layer hides it.
 * Throws ConfigError with all problems at once.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const fromFile = sources.file === undefined ? undefined : fileLayer(sources.file);
  const fromEnvironment = environmentLayer(sources.environment);
  const layers = [
    otelLayer(sources.environment),
    ...(fromFile === undefined ? [] : [fromFile.layer]),
    fromEnvironment.layer,
    layerOf('flag', sources.flags),
  ];
  const problems = [...(fromFile?.problems ?? []), ...fromEnvironment.problems, ...layers.flatMap(check)];
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return merge(layers);
}

function check(layer: Layer): ConfigProblem[] {
  const parsed = configSchema.safeParse(layer.raw);
  const ofSchema = parsed.success ? [] : problemsOf(parsed.error.issues, layer.raw);
  return [...ofSchema, ...unknownSyscalls(layer.raw)].map(({ path, message, ofName }) => ({
    where: layer.where(path, ofName),
    key: namesKey(layer, path) ? '' : pathName(path),
    message,
  }));
}

/** A flag stands for one key, and a variable of ours has its name. */
function namesKey(layer: Layer, path: readonly PropertyKey[]): boolean {
  if (layer.name === 'flag') return true;
  const variable = layer.name === 'environment' ? layer.where(path) : undefined;
  return configKeys.some((key) => key.variable === variable && key.name === pathName(path));
}

function unknownSyscalls(raw: unknown): PathProblem[] {
  return ['include', 'exclude'].flatMap((list) => {
    const items = valueAt(raw, ['syscalls', list]);
    if (!Array.isArray(items)) {
      return [];
    }
    return items.flatMap((item: unknown, index) => {
      if (typeof item !== 'string' || syscallTable.has(item)) {
        return [];
      }
      const meant = nearest(item, [...syscallTable.classNames, ...syscallTable.numbers.keys()]);
      const hint =
        meant === undefined
          ? `the classes are ${syscallTable.classNames.join(', ')}`
          : `did you mean ${meant}?`;
      return [
        {
          path: ['syscalls', list, index],
          message: `expected the name of a system call or a class, got ${JSON.stringify(item)}; ${hint}`,
        },
      ];
    });
  });
}

function merge(layers: readonly Layer[]): LoadedConfig {
  const settings: Setting[] = [];
  const origins = new Map<string, Origin>();
  const strengths = new Map<string, number>();
  layers.forEach((layer, strength) => {
    for (const key of configKeys) {
      const value = valueAt(layer.raw, key.path);
      if (value !== undefined) {
        const where = layer.where(key.path);
        settings.push({ path: key.path, value, where });
        origins.set(key.name, { layer: layer.name, where });
        strengths.set(key.name, strength);
      }
    }
  });
  preferStrongerEndpoint(settings, origins, strengths);
  exportToEndpoint(settings, origins);
  const config = configSchema.parse(layerOf('default', settings).raw);
  requireScheme(config, origins);
  for (const key of configKeys) {
    if (!origins.has(key.name) && key.initial !== undefined) {
      origins.set(key.name, DEFAULT);
    }
  }
  return { config, origins };
}

const ENDPOINT = 'export.otlp.endpoint';
const TRACES_ENDPOINT = 'export.otlp.traces_endpoint';

/** An endpoint that was said more strongly than the traces endpoint is the one that the user means. */
function preferStrongerEndpoint(
  settings: Setting[],
  origins: Map<string, Origin>,
  strengths: ReadonlyMap<string, number>,
): void {
  if ((strengths.get(ENDPOINT) ?? -1) > (strengths.get(TRACES_ENDPOINT) ?? Infinity)) {
    settings.push({ path: TRACES_ENDPOINT.split('.'), value: undefined, where: '' });
    origins.delete(TRACES_ENDPOINT);
  }
}

/** Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter": only an endpoint of OTLP/gRPC may lack it. */
function requireScheme({ export: { otlp } }: Config, origins: ReadonlyMap<string, Origin>): void {
  const key = otlp.traces_endpoint === undefined ? ENDPOINT : TRACES_ENDPOINT;
  const endpoint = otlp.traces_endpoint ?? otlp.endpoint;
  if (otlp.protocol === 'grpc' || endpoint === undefined || endpoint.includes('://')) return;
  const { layer, where } = origins.get(key) ?? DEFAULT;
  throw new ConfigError([
    {
      where,
      key: layer === 'flag' ? '' : key,
      message: `expected an http:// or https:// URL with protocol ${otlp.protocol}, got ${JSON.stringify(endpoint)}`,
    },
  ]);
}

/** Whoever names an endpoint and not where evidence goes wants it there. */
function exportToEndpoint(settings: Setting[], origins: Map<string, Origin>): void {
  const endpoint = origins.get(TRACES_ENDPOINT) ?? origins.get(ENDPOINT);
  if (endpoint !== undefined && !origins.has('export.to')) {
    settings.push({ path: ['export', 'to'], value: 'otlp', where: endpoint.where });
    origins.set('export.to', endpoint);
  }
}
