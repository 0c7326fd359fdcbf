/** The reference of the configuration: a page for readers, a JSON schema for editors. Both come from the one schema. */
import { z } from 'zod';
import { configKeys, ENVIRONMENT_PREFIX, ruleKeys, type ConfigKey } from '../../../schemas/config/keys.js';
import { configSchema } from '../../../schemas/config/schema.js';
import { syscallTable } from '../wire/syscall-table.js';

export function jsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input' });
}

export function referencePage(): string {
  return `# Configuration

<!-- Written by \`sltagent config docs\` from schemas/config/schema.ts. Change that file, not this page. -->

Each key can be set, weakest first, by its default, by OpenTelemetry's variables \`OTEL_EXPORTER_OTLP_*\` (with their
\`_TRACES_\` forms), in the file of \`--config FILE\`, by a variable \`${ENVIRONMENT_PREFIX}*\`, and by a flag. A list replaces the
weaker list as a whole. A variable that is empty counts as not set. \`sltagent config print\` shows what holds and where it came from.

Unknown keys, unknown \`${ENVIRONMENT_PREFIX}*\` variables and bad values are refused with their place, exit status 2. So is everything
marked "not built yet".

In a variable, a list is separated by commas, headers are \`name=value\` pairs separated by commas and percent-encoded,
and \`rules\` is written as YAML on one line. Durations have a unit: ns, us, ms, s, m or h. Sizes too: B, KiB, MiB or GiB.

${table(configKeys, true)}

## A rule

The first rule of \`rules\` that matches a span's service and operation sets its threshold.

${table(ruleKeys(), false)}

## Classes of system calls

\`syscalls.include\` and \`syscalls.exclude\` take names of calls and of these classes, with or without strace's \`%\`. A call may
be in several. The kind of a descriptor is not part of a call's number: a \`read\` from a socket is in \`file\`.

${syscallTable.classNames.map(classLine).join('\n')}
`;
}

function table(keys: readonly ConfigKey[], variables: boolean): string {
  const head = ['Key', 'Default', 'Expected', ...(variables ? ['Variable'] : []), 'Meaning'];
  const rows = keys.map((key) => [
    code(key.name),
    key.initial === undefined ? '' : code(JSON.stringify(key.initial).replace(/^"|"$/g, '')),
    key.kind.expected,
    ...(variables ? [code(key.variable)] : []),
    key.description,
  ]);
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map(cell).join(' | ')} |`)
    .join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function classLine(name: string): string {
  const calls = [...syscallTable.resolve([name])].map((number) => syscallTable.nameOf(number));
  return `- \`${name}\`: ${calls.join(', ')}`;
}
