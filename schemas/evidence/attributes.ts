/**
 * The attributes of the span `kernel`; those of a system call's span are in call-attributes.ts. A name may hold one placeholder:
 * `<class>` is a class of classes.ts, `<call>` the name of a system call.
 *
 * Rules (the tests hold them): prefix `slt.` or a name of OpenTelemetry's semantic
 * conventions; a number is an integer, in µs where the name ends in `_us`, bytes
 * in `_bytes`, whole percent in `_percent`; no name is a prefix of another.
 */

/** Bytes of UTF-8 of one attribute's value; of a list, of all its items together. */
export const MAX_ATTRIBUTE_BYTES = 2048;

/** System calls whose totals are attributes of their own; those of all others are added up. */
export const MAX_CALL_TOTALS = 10;

export interface AttributeDeclaration {
  readonly name: string;
  readonly type: 'int' | 'string' | 'boolean' | 'string[]';
  readonly unit?: 'µs' | '%' | 'By';
  readonly meaning: string;
  /** When it is not there. undefined: it always is. */
  readonly absent?: string;
}

export type Declarations = Readonly<Record<string, AttributeDeclaration>>;

const noTime = 'no time was measured in the class';

/** Of the span `kernel`. */
export const spanAttributes = {
  spanName: { name: 'slt.span.name', type: 'string', meaning: 'the name of the span that is explained' },
  spanKind: {
    name: 'slt.span.kind',
    type: 'string',
    meaning: 'the kind of that span: one of the list below',
  },
  state: { name: 'slt.state', type: 'string', meaning: 'how the span ended: one of the list below' },
  wall: {
    name: 'slt.wall_us',
    type: 'int',
    unit: 'µs',
    meaning: 'its wall time, start to end, by the kernel’s monotonic clock',
  },
  threshold: {
    name: 'slt.threshold_us',
    type: 'int',
    unit: 'µs',
    meaning: 'the threshold that the wall time passed',
  },
  complete: {
    name: 'slt.complete',
    type: 'boolean',
    meaning: 'true: nothing is known to be missing, so a class that is absent was measured as zero',
  },
  gaps: {
    name: 'slt.gaps',
    type: 'string[]',
    meaning: 'what is known to be missing: of the list below',
    absent: 'nothing is',
  },
  shared: {
    name: 'slt.shared',
    type: 'boolean',
    meaning:
      'true: no thread ever worked for the span, so the account is what its starting thread did meanwhile, for whomever',
    absent: 'the account is of threads that worked for the span',
  },
  resourceSource: {
    name: 'slt.resource_source',
    type: 'string',
    meaning: 'where the resource of the span comes from: one of the list below',
  },
  time: {
    name: 'slt.time.<class>_us',
    type: 'int',
    unit: 'µs',
    meaning: 'its own time in the class, without its children',
    absent: noTime,
  },
  timeTotal: {
    name: 'slt.time_total.<class>_us',
    type: 'int',
    unit: 'µs',
    meaning: 'its time in the class, children included; these add up to `slt.wall_us`',
    absent: noTime,
  },
  threadTime: {
    name: 'slt.thread_time.<class>_us',
    type: 'int',
    unit: 'µs',
    meaning: 'thread time in the class, summed over the threads that worked at once, children included',
    absent: 'it is the same as `slt.time_total`',
  },
  causeType: { name: 'slt.cause.type', type: 'string', meaning: 'why it was slow: one of the list below' },
  causeShare: {
    name: 'slt.cause.share_percent',
    type: 'int',
    unit: '%',
    meaning: 'the share of the wall time that the cause explains, rounded down',
  },
  causeTime: {
    name: 'slt.cause.duration_us',
    type: 'int',
    unit: 'µs',
    meaning: 'the time that the cause explains, rounded down',
  },
  causeText: { name: 'slt.cause.text', type: 'string', meaning: 'the cause in one sentence' },
  causeCall: {
    name: 'slt.cause.call',
    type: 'string',
    meaning: 'the system call in which more than half of that time passed',
    absent: 'there is no such call, or it was made by a slow child',
  },
  causeDescriptor: {
    name: 'slt.cause.descriptor',
    type: 'string',
    meaning: 'the kind of descriptor that most of it was spent on: one of the list below',
    absent: 'that call has none, or it was not looked at',
  },
  childSpans: {
    name: 'slt.child_spans',
    type: 'int',
    meaning: 'children that ended in the same process while it was open',
  },
  threads: {
    name: 'slt.threads',
    type: 'string[]',
    meaning: 'who worked for it, longest first, as "4711 worker-3: 12345 µs", children left out',
    absent: 'no thread did',
  },
  captureMode: {
    name: 'slt.capture.mode',
    type: 'string',
    meaning: 'what was recorded of its system calls: one of the list below',
  },
  escalated: {
    name: 'slt.capture.escalated',
    type: 'boolean',
    meaning: 'true: `all` for a while, because the service had been slow in `blocking`',
    absent: 'the capture is the configured one',
  },
  callCount: {
    name: 'slt.syscalls.count',
    type: 'int',
    meaning:
      'recorded system calls, exact, those of fast children included; but for the gaps `child_calls_left_out` and `threads_left_out`',
    absent: 'the capture was `blocking` all the time',
  },
  callsKept: {
    name: 'slt.syscalls.kept',
    type: 'int',
    meaning: 'how many of them are sub-spans; the others are in the totals only',
    absent: 'as `slt.syscalls.count`',
  },
  totalCount: {
    name: 'slt.syscall_total.<call>.count',
    type: 'int',
    meaning: `calls of this name, failed ones included; of the ${MAX_CALL_TOTALS} names with the most time`,
    absent: 'no such call was recorded, or it is in the rest',
  },
  totalTime: {
    name: 'slt.syscall_total.<call>.time_us',
    type: 'int',
    unit: 'µs',
    meaning: 'time from entry to exit, summed over threads',
    absent: 'as its count',
  },
  totalMax: {
    name: 'slt.syscall_total.<call>.max_us',
    type: 'int',
    unit: 'µs',
    meaning: 'the longest of them',
    absent: 'as its count',
  },
  totalBlocked: {
    name: 'slt.syscall_total.<call>.blocked_us',
    type: 'int',
    unit: 'µs',
    meaning: 'how much of that time the thread slept',
    absent: 'it did not sleep, or as its count',
  },
  totalErrors: {
    name: 'slt.syscall_total.<call>.errors',
    type: 'string[]',
    meaning: 'failed calls by errno, most frequent first, as "EAGAIN=3"',
    absent: 'none failed, or as its count',
  },
  waitCount: {
    name: 'slt.waits.count',
    type: 'int',
    meaning:
      'sleeps in system calls, exact; a call may sleep more than once or not at all. Those of fast children as in `slt.syscalls.count`',
    absent: 'the capture was `all` all the time',
  },
  waitsKept: {
    name: 'slt.waits.kept',
    type: 'int',
    meaning: 'how many of them are sub-spans; the others are in the totals only',
    absent: 'as `slt.waits.count`',
  },
  waitTotalCount: {
    name: 'slt.wait.<call>.count',
    type: 'int',
    meaning: `sleeps in calls of this name; of the ${MAX_CALL_TOTALS} names with the most time`,
    absent: 'no such wait was recorded, or it is in the rest',
  },
  waitTotalTime: {
    name: 'slt.wait.<call>.time_us',
    type: 'int',
    unit: 'µs',
    meaning: 'time asleep, from the switch to the wake-up, summed over threads',
    absent: 'as its count',
  },
  waitTotalMax: {
    name: 'slt.wait.<call>.max_us',
    type: 'int',
    unit: 'µs',
    meaning: 'the longest of them',
    absent: 'as its count',
  },
  waitRestCount: {
    name: 'slt.wait_rest.count',
    type: 'int',
    meaning: 'waits that are in no total of their own',
    absent: 'there are none',
  },
  waitRestTime: {
    name: 'slt.wait_rest.time_us',
    type: 'int',
    unit: 'µs',
    meaning: 'their time',
    absent: 'there are none',
  },
  restCount: {
    name: 'slt.syscall_rest.count',
    type: 'int',
    meaning: 'calls that are in no total of their own',
    absent: 'there are none',
  },
  restTime: {
    name: 'slt.syscall_rest.time_us',
    type: 'int',
    unit: 'µs',
    meaning: 'their time',
    absent: 'there are none',
  },
  threadId: {
    name: 'thread.id',
    type: 'int',
    meaning: 'the thread that started the span, by its number in the initial pid namespace',
  },
  threadName: {
    name: 'thread.name',
    type: 'string',
    meaning: 'its name',
    absent: 'it had exited before it was looked up',
  },
} as const satisfies Declarations;

/** Events of the span `kernel`: none so far. Stacks will be some. */
export const events: readonly { readonly name: string; readonly meaning: string }[] = [];
