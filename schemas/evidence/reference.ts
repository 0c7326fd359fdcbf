/** docs/evidence.md: the catalogue as a page for readers. */
import { events, MAX_ATTRIBUTE_BYTES, spanAttributes, type AttributeDeclaration } from './attributes.js';
import { callAttributes } from './call-attributes.js';
import { awaitingClasses, threadClasses, unaccounted, type ClassDeclaration } from './classes.js';
import { lossGroups } from './losses.js';
import {
  captureModes,
  causeTypes,
  descriptorKinds,
  gaps,
  resourceSources,
  spanKinds,
  states,
} from './lists.js';

type Row = readonly string[];

function table(head: Row, rows: readonly Row[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function attributeTable(declarations: readonly AttributeDeclaration[]): string {
  return table(
    ['Attribute', 'Type', 'Unit', 'Meaning', 'Absent when'],
    declarations.map(({ name, type, unit, meaning, absent }) => [
      code(name),
      type,
      unit ?? '',
      meaning,
      absent ?? 'never',
    ]),
  );
}

function classRows(declarations: Readonly<Record<string, ClassDeclaration>>): Row[] {
  return Object.values(declarations).map(({ name, meaning }) => [code(name), meaning]);
}

function meaningRows(list: Readonly<Record<string, string>>): Row[] {
  return Object.entries(list).map(([name, meaning]) => [code(name), meaning]);
}

function eventSection(): string {
  return events.length === 0
    ? 'None so far.'
    : table(
        ['Event', 'Meaning'],
        events.map(({ name, meaning }) => [code(name), meaning]),
      );
}

export function referencePage(): string {
  return `# Evidence

<!-- Written by \`node dist/schemas/evidence/generate.js\` from schemas/evidence. Change that, not this page. -->

What sltagent says about a slow span: one span named \`kernel\` under it, of the same start and end, and under that one
span for each kept system call, named as the call. All are of kind INTERNAL. A status is never set, and \`error.type\` never used:
a handled EAGAIN is no error.

Times are integers in microseconds, shares whole percents. What was not measured is absent; with \`slt.complete = true\` an absent
class was measured as zero. An attribute holds at most ${MAX_ATTRIBUTE_BYTES} bytes; a longer text is cut and ends in "…".

## On the span \`kernel\`

${attributeTable(Object.values(spanAttributes))}

## On the span of a system call

${attributeTable(Object.values(callAttributes))}

## Events

${eventSection()}

## Classes of time

At each moment, a thread that works for the span

${table(['Class', ''], classRows(threadClasses))}

While no thread works for it,

${table(['Class', ''], classRows(awaitingClasses))}

From its start to its first context, and from its last context to its end, no thread says that it works for it. Such a gap is
the thread's own work on the span all the same, in the classes above, where the same thread is at both ends of it: at the
start if it has neither turned to another span meanwhile nor waited in an event loop; at the end if it has turned to nothing but the
parent, ran for no more than 1 ms and called nothing that sleeps. A GIL that was lost between leaving the context and the end is an example.

The rest:

${table(['Class', ''], [[code(unaccounted.name), unaccounted.meaning]])}

**How they add up.** \`slt.time_total\` adds up to \`slt.wall_us\`, to the microsecond: the fractions that rounding leaves go to the
classes with the largest of them. Where several threads worked at once, their time may be more than the wall time. Then
\`slt.thread_time\` holds it as it was measured, and in \`slt.time_total\` the time of threads and of children is scaled down in
proportion, so that it adds up with the span's own awaiting, which is no thread's. \`slt.time\` is scaled the same way,
but only where the span's own time alone is more than the wall time: so it may be more than \`slt.time_total\` where
children worked beside it. \`unaccounted\` is the same in both.

## Causes

\`slt.cause.type\` is the largest of these groups of \`slt.time_total\`, with one exception, \`syscalls\`.
Where the second largest holds a quarter of the wall time, \`slt.cause.text\` tells of it too; not beside \`syscalls\`, which holds
parts of several.

${table(
  ['Type', 'In words', 'Time'],
  Object.entries(causeTypes).map(([name, { words, meaning }]) => [code(name), words, meaning]),
)}

## Captures

What a record is. A wait is not a call: a call may sleep several times, and one that does not sleep makes none.

${table(['Capture', 'Recorded'], meaningRows(captureModes))}

## Gaps

${table(['Gap', ''], meaningRows(gaps))}

## States

${table(['State', ''], meaningRows(states))}

## Kinds of descriptors

A verdict names the kind also where \`data.arguments\` is \`none\`: waits are classed by it.

${table(
  ['Kind', ''],
  Object.values(descriptorKinds).map(({ name, words }) => [code(name), words]),
)}

## Sources of the resource

${table(['Source', ''], meaningRows(resourceSources))}

## Kinds of spans

${spanKinds.map(code).join(', ')}.

## What can be lost

When the agent stops it writes what it left out to its log, under \`dropped\`, by these names; what did not happen is not there. One
thing cannot be counted: what a thread, with \`capture: blocking\`, has told since it was last switched out,
when execve(2) replaces its program, or, before Linux 6.16, when a signal or _exit(2) ends it.

${lossGroups.map(({ title, losses }) => `${title}:\n\n${table(['Reason', ''], meaningRows(losses))}`).join('\n\n')}
`;
}
