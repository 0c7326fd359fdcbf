/**
 * The configuration: every key, its default, its meaning. The reference page (docs/configuration.md), the JSON schema,
 * the environment variables and the error messages come from here. Durations are bigint nanoseconds after parsing,
 * sizes are bytes; the names of keys are those of the file.
 *
 * That a name in syscalls.* is a system call or a class is checked by agent/src/config, which knows the table.
 */
import { z } from 'zod';
import {
  duration,
  integer,
  listOf,
  oneOf,
  otlpEndpoint,
  saying,
  secretPairs,
  size,
  switchedOff,
  text,
  valueKinds,
} from './values.js';

const MIB = 2 ** 20;

/** The maps users_allowed and cgroups_allowed hold so many (bpf/include/maps.h). */
export const MOST_USERS = 256;
export const MOST_CGROUPS = 1024;

const CAPTURES = ['all', 'blocking', 'escalate'] as const;

const rule = z
  .strictObject({
    service: text('a glob for the name of a service, such as checkout or batch-*')
      .optional()
      .describe(
        'Glob for the service name: `*` stands for any characters, `?` for one. Left out: every service.',
      ),
    operation: text('a glob for the name of an operation, such as POST /orders*')
      .optional()
      .describe('Glob for the name that the span has at its end. Left out: every operation.'),
    threshold: duration()
      .optional()
      .describe('Threshold of the spans that match. Left out: a later rule says.'),
    capture: oneOf(CAPTURES)
      .optional()
      .describe(
        'Capture of the service, for all of its operations: a thread cannot tell which one it will work for. `all` for one service slows the system calls of the whole host down. Left out: a later rule says.',
      ),
  })
  .superRefine(({ operation, threshold, capture }, context) => {
    if (threshold === undefined && capture === undefined)
      context.addIssue(saying('a rule sets a threshold, such as 20ms, or a capture, or both'));
    if (capture !== undefined && operation !== undefined)
      context.addIssue({
        ...saying('the capture is that of a whole service: give it in a rule without operation'),
        path: ['capture'],
      });
  });

const subspans = z.strictObject({
  slowest: integer(1, 16).prefault(16).describe('Kept single calls of a span: this many of the slowest.'),
  latest: integer(0, 16).prefault(16).describe('Kept single calls of a span: this many of the latest.'),
});

const data = z.strictObject({
  subspans: subspans.prefault({}),
  arguments: oneOf(['none', 'kinds', 'full'])
    .prefault('kinds')
    .describe(
      'What is told of the arguments of a system call: nothing; kinds of descriptors, sizes and flags, but no path and no address beyond the port; everything.',
    ),
  stacks: switchedOff('off').prefault('off').describe('Call stacks of slow calls and waits. Not built yet.'),
  counters: switchedOff(false)
    .prefault(false)
    .describe('Switches, migrations, page faults and storage bytes of the span. Not built yet.'),
  machine: switchedOff(false)
    .prefault(false)
    .describe('State of the machine during the span. Not built yet.'),
  culprits: switchedOff('off')
    .prefault('off')
    .describe('Who woke the span, and who held its CPU. Not built yet.'),
  vdso: switchedOff(false).prefault(false).describe('Count and time vDSO calls. Not built yet.'),
});

const otlp = z.strictObject({
  endpoint: otlpEndpoint()
    .optional()
    .describe(
      'URL of the receiver, as OTEL_EXPORTER_OTLP_ENDPOINT: over HTTP `/v1/traces` is added. Left out: `http://localhost:4318`, with grpc `http://localhost:4317`. With grpc it may lack the scheme, as `localhost:4317`: the connection is encrypted then, unless OTEL_EXPORTER_OTLP_INSECURE is true.',
    ),
  traces_endpoint: otlpEndpoint()
    .optional()
    .describe(
      'URL that receives traces, used as it is, as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. Wins over an `endpoint` from the same source or a weaker one.',
    ),
  protocol: oneOf(['http/json', 'http/protobuf', 'grpc'])
    .prefault('http/json')
    .describe('Encoding and transport, as OTEL_EXPORTER_OTLP_PROTOCOL.'),
  headers: secretPairs('a map from header names to values')
    .prefault({})
    .describe(
      'Headers of each request, as OTEL_EXPORTER_OTLP_HEADERS. `config print` shows their names only.',
    ),
  timeout: duration().prefault('10s').describe('How long a request may take.'),
  compression: oneOf(['none', 'gzip']).prefault('none').describe('Compression of the request.'),
});

export const configSchema = z
  .strictObject({
    backend: oneOf(['auto', 'bpf'], ['kmod'])
      .prefault('auto')
      .describe(
        'How the kernel is observed: eBPF, or what works here. kmod (kernel modules) is not built yet.',
      ),
    capture: oneOf(CAPTURES)
      .prefault('all')
      .describe(
        'all: every chosen system call of a span is recorded; while a process takes part, every system call of every process on the host is slower (docs/cost.md). blocking: only sleeps in system calls, named by the call, at no cost to system calls. escalate: blocking, and all for a service while it is slow.',
      ),
    escalate: z
      .strictObject({
        slow_spans: integer(1, 1000)
          .prefault(3)
          .describe('With capture `escalate`: after so many slow spans of one operation of a service …'),
        window: duration().prefault('1m').describe('… within this time …'),
        duration: duration()
          .prefault('1m')
          .describe(
            '… each system call of that service is recorded for so long, which slows those of the whole host down. Then it begins anew.',
          ),
      })
      .prefault({}),
    threshold: duration()
      .prefault('50ms')
      .describe(
        "Spans from this duration on are annotated. Held against the span's own wall time, start to end. Quantiles (p99) are not built yet.",
      ),
    timeout: switchedOff('off')
      .prefault('off')
      .describe('Report a span that is still open after this. Not built yet.'),
    rules: z
      .array(rule)
      .register(valueKinds, {
        expected: 'a list of rules, such as [{service: checkout, threshold: 20ms}]',
        environment: 'yaml',
      })
      .prefault([])
      .describe('Thresholds for services and operations; the first rule that matches wins.'),
    syscalls: z
      .strictObject({
        include: listOf(z.string(), 'a list of system calls and classes, such as [file, net, futex]')
          .prefault([])
          .describe('System calls of interest, by name or class. Empty: all.'),
        exclude: listOf(z.string(), 'a list of system calls and classes, such as [epoll_wait]')
          .prefault([])
          .describe('System calls that are left out, by name or class. Wins over `include`.'),
      })
      .prefault({}),
    data: data.prefault({}),
    filter: z
      .strictObject({
        users: listOf(
          z.union([z.string().min(1), z.int().nonnegative()]),
          `a list of at most ${MOST_USERS} user names and numbers, such as [www-data, 1000]`,
          MOST_USERS,
        )
          .prefault([])
          .describe(
            'Only processes of these users take part. Empty: those of every user. After a reload that leaves a user out, its open spans still end, and no other begins.',
          ),
        cgroups: listOf(
          z.string().startsWith('/'),
          `a list of at most ${MOST_CGROUPS} cgroup v2 paths, such as [/system.slice/checkout.service]`,
          MOST_CGROUPS,
        )
          .prefault([])
          .describe(
            'Only processes in these cgroups, or below them, take part. Paths as in /proc/PID/cgroup. Empty: those of every cgroup.',
          ),
      })
      .prefault({}),
    export: z
      .strictObject({
        to: oneOf(['console', 'otlp'])
          .prefault('console')
          .describe('Where evidence goes. Left out everywhere while an OTLP endpoint is set: otlp.'),
        otlp: otlp.prefault({}),
      })
      .prefault({}),
    limits: z
      .strictObject({
        annotated_per_second: integer(1, 1_000_000)
          .prefault(20)
          .describe(
            'Annotated spans of one service of one user in a second, with a burst of the same again.',
          ),
        subspans_per_trace: integer(0, 1_000_000)
          .prefault(500)
          .describe(
            'Sub-spans that are added to one trace for the processes of one user. Past it: totals only.',
          ),
        spans_per_second: integer(1, 10_000_000)
          .prefault(5000)
          .describe(
            'Spans of one process in a second that the kernel follows. With capture `blocking` those do not count that began and ended within one run of their thread: they cost it next to nothing.',
          ),
        kernel_memory: size(4 * MIB, 4096 * MIB)
          .prefault('64MiB')
          .describe(
            'Ring buffer, span slots and thread slots together; how many spans may be open follows from it.',
          ),
        processes: integer(1, 65_536).prefault(512).describe('Processes that are followed at the same time.'),
      })
      .prefault({})
      .describe('Past a limit there are totals only, or nothing, and it is counted.'),
  })
  .meta({ title: 'Configuration of sltagent' });

/** A complete, valid configuration. */
export type Config = z.output<typeof configSchema>;
export type Rule = Config['rules'][number];
