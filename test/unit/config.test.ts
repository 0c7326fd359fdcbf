import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { loadConfig, type ConfigSources, type LoadedConfig } from '../../agent/src/config/load.js';
import { ConfigError } from '../../agent/src/config/error.js';
import { tracesUrl } from '../../agent/src/config/otlp.js';
import { writtenConfig, writtenYaml } from '../../agent/src/config/written.js';
import { configKeys } from '../../schemas/config/keys.js';

function load(sources: Partial<ConfigSources>): LoadedConfig {
  return loadConfig({ environment: {}, flags: [], ...sources });
}

function fromFile(text: string): LoadedConfig {
  return load({ file: { path: 'slt.yaml', text } });
}

/** The lines of the error that a configuration is refused with. */
function refusal(sources: Partial<ConfigSources> | string): string[] {
  try {
    load(typeof sources === 'string' ? { file: { path: 'slt.yaml', text: sources } } : sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split('\n');
  }
  assert.fail('the configuration was accepted');
}

describe('the configuration', () => {
  it('has the defaults of interface.md', () => {
    const { config } = load({});
    assert.equal(config.threshold, 50_000_000n);
    assert.equal(config.limits.kernel_memory, 64 * 2 ** 20);
    assert.deepEqual(config.data.subspans, { slowest: 16, latest: 16 });
    assert.equal(config.export.to, 'console');
    assert.deepEqual(config.syscalls, { include: [], exclude: [] });
  });

  it('takes the strongest layer for each key, and says which one it was', () => {
    const { config, origins } = load({
      environment: {
        OTEL_EXPORTER_OTLP_TIMEOUT: '1500',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        SLTAGENT_THRESHOLD: '2s',
        SLTAGENT_LIMITS_PROCESSES: '7',
      },
      file: {
        path: 'slt.yaml',
        text: 'threshold: 1s\nlimits:\n  processes: 9\nexport: { otlp: { timeout: 3s } }\n',
      },
      flags: [{ path: ['threshold'], value: '1.5s', where: '--threshold' }],
    });
    assert.equal(config.threshold, 1_500_000_000n);
    assert.equal(config.limits.processes, 7);
    assert.equal(config.export.otlp.timeout, 3_000_000_000n);
    assert.equal(config.export.otlp.compression, 'gzip');
    const where = [
      'threshold',
      'limits.processes',
      'export.otlp.timeout',
      'export.otlp.compression',
      'backend',
    ];
    assert.deepEqual(
      where.map((key) => origins.get(key)),
      [
        { layer: 'flag', where: '--threshold' },
        { layer: 'environment', where: 'SLTAGENT_LIMITS_PROCESSES' },
        { layer: 'file', where: 'slt.yaml:4:28' },
        { layer: 'otel', where: 'OTEL_EXPORTER_OTLP_COMPRESSION' },
        { layer: 'default', where: '' },
      ],
    );
  });

  it('can set every key by its variable', () => {
    const values: Record<string, string> = {
      rules: '[{service: "a*", threshold: 5ms}]',
      'export.otlp.headers': 'authorization=Bearer%20x,b=c=d',
      'filter.users': 'www-data, 1000',
      'filter.cgroups': '/a,/b',
      'syscalls.include': 'file,net',
      'syscalls.exclude': 'epoll_wait',
      'export.otlp.endpoint': 'http://h:1',
      'export.otlp.traces_endpoint': 'http://h:1/t',
    };
    const environment = Object.fromEntries(
      configKeys.map((key) => [key.variable, values[key.name] ?? String(key.initial)]),
    );
    const { config, origins } = load({ environment });
    assert.deepEqual(new Set([...origins.values()].map(({ layer }) => layer)), new Set(['environment']));
    assert.equal(origins.size, configKeys.length);
    assert.equal(config.rules[0]?.threshold, 5_000_000n);
    assert.deepEqual(config.export.otlp.headers, { authorization: 'Bearer x', b: 'c=d' });
    assert.deepEqual(config.filter, { users: ['www-data', '1000'], cgroups: ['/a', '/b'] });
  });

  it('refuses an unknown key with its place and the key that was meant', () => {
    assert.deepEqual(refusal('backend: bpf\ndata:\n  argumnets: full\n'), [
      'slt.yaml:3:3: data.argumnets: unknown key, did you mean arguments?',
    ]);
  });

  it('refuses bad values with file, line, column, key and what was expected, all at once', () => {
    const text =
      'threshold: soon\nlimits:\n  processes: 0\nrules:\n  - service: a\n  - { threshold: 5 }\nexport: 7\n';
    assert.deepEqual(refusal(text), [
      'slt.yaml:1:12: threshold: expected a duration of at most 24h, such as 50ms, 1.5s or 2m, got "soon"',
      'slt.yaml:5:5: rules[0]: a rule sets a threshold, such as 20ms, or a capture, or both',
      'slt.yaml:6:18: rules[1].threshold: expected a duration of at most 24h, such as 50ms, 1.5s or 2m, got 5',
      'slt.yaml:7:9: export: expected a map of keys, got 7',
      'slt.yaml:3:14: limits.processes: expected a whole number from 1 to 65536, got 0',
    ]);
  });

  it('refuses more users and cgroups than the kernel side has room for', () => {
    const list = (length: number, item: (number: number) => unknown): string =>
      JSON.stringify(Array.from({ length }, (_, number) => item(number)));
    const filter = (users: number, cgroups: number): string =>
      `filter:\n  users: ${list(users, Number)}\n  cgroups: ${list(cgroups, (number) => `/${number}`)}\n`;
    fromFile(filter(256, 1024));
    const [users = '', cgroups = ''] = refusal(filter(257, 1025));
    assert.match(
      users,
      /^slt\.yaml:2:10: filter\.users: expected a list of at most 256 user names .*, got a list of 257$/,
    );
    assert.match(
      cgroups,
      /^slt\.yaml:3:12: filter\.cgroups: expected a list of at most 1024 cgroup .*, got a list of 1025$/,
    );
  });

  it('refuses what is not built yet with that word', () => {
    const cases = [
      'backend: kmod',
      'threshold: p99',
      'timeout: 30s',
      'data: { stacks: { user: true } }',
      'data: { counters: true }',
      'data: { machine: true }',
      'data: { culprits: container }',
      'data: { vdso: true }',
    ];
    for (const text of cases) {
      const lines = refusal(text);
      assert.equal(lines.length, 1, text);
      assert.match(lines[0] ?? '', /^slt\.yaml:1:\d+: [a-z.[\]0-9]+: not built yet/);
    }
    const variables = { SLTAGENT_DATA_STACKS_USER: 'true', SLTAGENT_BACKEND: 'kmod' };
    for (const line of refusal({ environment: variables })) {
      assert.match(line, /^SLTAGENT_\w+: .*not built yet/);
    }
  });

  it('accepts off for what is not built yet', () => {
    const { config } = fromFile(
      'timeout: off\ndata: { stacks: false, counters: off, machine: false, culprits: off, vdso: false }',
    );
    assert.equal(config.data.stacks, 'off');
    assert.equal(config.data.counters, false);
  });

  it('takes a capture of a service, and refuses one of an operation', () => {
    const { config } = fromFile('rules: [{ service: a, capture: blocking }]');
    assert.equal(config.rules[0]?.capture, 'blocking');
    assert.deepEqual(refusal('rules: [{ service: a, operation: "GET *", capture: all }]'), [
      'slt.yaml:1:52: rules[0].capture: the capture is that of a whole service: give it in a rule without operation',
    ]);
  });

  it('refuses a name that is neither a system call nor a class', () => {
    assert.deepEqual(refusal('syscalls:\n  include: [file, fusex]\n'), [
      'slt.yaml:2:19: syscalls.include[1]: expected the name of a system call or a class, got "fusex"; did you mean futex?',
    ]);
  });

  it('refuses an unknown variable, and leaves variables alone that are not its own', () => {
    const environment = { SLTAGENT_TRESHOLD: '1s', SLTAGENT_ADDON: '/x', OTHER: '1' };
    assert.deepEqual(refusal({ environment }), [
      'SLTAGENT_TRESHOLD: unknown variable, did you mean SLTAGENT_THRESHOLD?',
    ]);
  });

  it('tells a mistake in a layer also where a stronger one hides it', () => {
    const flags = [{ path: ['threshold'], value: '1s', where: '--threshold' }];
    assert.equal(refusal({ file: { path: 'slt.yaml', text: 'threshold: x' }, flags }).length, 1);
  });

  it('refuses YAML that is broken or says a key twice, with line and column', () => {
    assert.match(
      refusal('threshold: 1s\nthreshold: 2s\n')[0] ?? '',
      /^slt\.yaml:2:1: not valid YAML: .*unique/,
    );
    assert.match(refusal('data: [\n')[0] ?? '', /^slt\.yaml:\d:\d: not valid YAML/);
  });

  it('takes an empty file and keys with nothing below them as unset', () => {
    assert.deepEqual(fromFile('').config, load({}).config);
    assert.deepEqual(fromFile('data:\n  # arguments: full\nthreshold:\n').config, load({}).config);
  });

  it('never prints the value of a header, in an error or in the effective configuration', () => {
    const secret = 'hunter2';
    assert.ok(!refusal(`export: { otlp: { headers: [${secret}] } }`).join().includes(secret));
    const loaded = load({ environment: { OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret}` } });
    assert.deepEqual(loaded.config.export.otlp.headers, { authorization: secret });
    assert.ok(!writtenYaml(loaded).includes(secret));
    assert.ok(!JSON.stringify(writtenConfig(loaded.config)).includes(secret));
  });

  it('prints an effective configuration that loads again to the same', () => {
    const { config } = fromFile(
      'threshold: 1.5s\nrules: [{operation: "GET *", threshold: 0s}]\nlimits: {kernel_memory: 4.5MiB}',
    );
    const text = writtenYaml({ config, origins: new Map() });
    assert.deepEqual(fromFile(text).config, config);
    assert.deepEqual(parse(text), writtenConfig(config));
  });
});

describe('the OTLP endpoint', () => {
  const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318/base/' };
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:1/own' };
  const url = (sources: Partial<ConfigSources>) => tracesUrl(load(sources).config.export.otlp);

  it('is a base over HTTP, where the path of the signal is added', () => {
    assert.equal(url({}), 'http://localhost:4318/v1/traces');
    assert.equal(url({ environment: otel }), 'http://a:4318/base/v1/traces');
    assert.equal(url({ environment: { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' } }), 'http://localhost:4317');
  });

  it('may lack its scheme with gRPC, and with nothing else', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4317' };
    const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    assert.equal(url({ environment: { ...endpoint, ...grpc } }), 'localhost:4317');
    const flags = [{ path: ['export', 'otlp', 'endpoint'], value: '[::1]:4317', where: '--otlp-endpoint' }];
    assert.equal(url({ environment: grpc, flags }), '[::1]:4317');
    assert.deepEqual(refusal({ environment: endpoint }), [
      'OTEL_EXPORTER_OTLP_ENDPOINT: export.otlp.endpoint: expected an http:// or https:// URL with protocol http/json, got "localhost:4317"',
    ]);
    for (const wrong of ['ftp://localhost:4317', 'localhost:4317/v1/traces', ':4317', 'localhost:']) {
      assert.match(
        refusal({ environment: { ...grpc, OTEL_EXPORTER_OTLP_ENDPOINT: wrong } }).join(),
        /expected an http:\/\/ or https:\/\/ URL, or with protocol grpc HOST:PORT, got/,
      );
    }
  });

  it("of the signal itself is used as it is, and wins over the general one's", () => {
    assert.equal(url({ environment: { ...otel, ...traces } }), 'http://b:1/own');
  });

  it('of a stronger layer wins over the one of the signal in a weaker layer', () => {
    const flags = [{ path: ['export', 'otlp', 'endpoint'], value: 'http://c:2', where: '--otlp-endpoint' }];
    const loaded = load({ environment: traces, flags });
    assert.equal(tracesUrl(loaded.config.export.otlp), 'http://c:2/v1/traces');
    assert.ok(!loaded.origins.has('export.otlp.traces_endpoint'));
  });

  it('means export to otlp, unless told otherwise', () => {
    assert.deepEqual(load({ environment: otel }).config.export.to, 'otlp');
    const loaded = load({ environment: { ...otel, SLTAGENT_EXPORT_TO: 'console' } });
    assert.equal(loaded.config.export.to, 'console');
  });

  it('refuses what is no HTTP URL, and a protocol that OpenTelemetry does not have', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://collector',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/xml',
    };
    assert.deepEqual(refusal({ environment }), [
      'OTEL_EXPORTER_OTLP_ENDPOINT: export.otlp.endpoint: expected an http:// or https:// URL, or with protocol grpc HOST:PORT, got "ftp://collector"',
      'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: export.otlp.protocol: expected one of http/json, http/protobuf, grpc, got "http/xml"',
    ]);
  });
});
