/**
 * What can be lost, by the names under which it is counted in `dropped` of the summary that the agent writes when it
 * stops.
 */

export interface LossGroup {
  readonly title: string;
  readonly losses: Readonly<Record<string, string>>;
}

const SLOTS = 'more fit with a larger `limits.kernel_memory`';

export const lossGroups: readonly LossGroup[] = [
  {
    title: 'Slow spans whose evidence is not in your trace',
    losses: {
      below_rule: 'slow by the lowest threshold, but not by the one that a rule gives the operation: no loss',
      not_sampled: 'its trace is not recorded, so nobody would see the evidence: no loss',
      limit_annotated_per_second: 'its service had its share of this second: `limits.annotated_per_second`',
      queue_full: 'newer evidence took its place while the receiver did not keep up',
      retries_exhausted: 'the receiver could not be reached, or asked to come back, too often',
      rejected: 'the receiver refused the request for good; its words are logged',
      partial_success: 'the receiver took the request, but not all of its spans; its words are logged',
      reader_behind: 'the reader of the console, or of a file, did not keep up',
      reader_gone: 'that reader closed its end, or the file could not be written',
      shutdown: 'it was still on its way when the time to stop had passed',
      failed: 'it could not be explained: a defect of sltagent; the log has the last of them',
      span_ring_full: `the agent did not empty the ring buffer in time; ${SLOTS}`,
      span_agent_behind: 'the agent took it from the ring buffer, and had no time for it: it needs more CPU',
      span_bytes_process: 'its process had used up its share of the ring buffer of this second',
      span_bytes_user: 'the processes of its user had used up theirs',
      subspans_left_out:
        'sub-spans, not spans: their calls are in the totals only; `limits.subspans_per_trace`',
    },
  },
  {
    title: 'Spans that were not followed',
    losses: {
      span_slots: `too many were open at once; ${SLOTS}`,
      span_slots_process: 'too many of its process were open at once: nine tenths of all may be',
      span_slots_user: 'too many of its user’s processes were open at once: fifteen sixteenths of all may be',
      span_rate_process: 'its process began more in this second than `limits.spans_per_second`',
      span_rate_user: 'the processes of its user began more in this second than they may',
      span_duplicate: 'a span of the same id was open in the process',
      process_filtered: 'what a process told that `filter` keeps out: no loss',
      process_slots: 'its process found no place: `limits.processes`',
      process_slots_user: 'the processes of its user had their share of those places',
      thread_slots: `what a thread told that found no place, its spans, contexts and ends, each of which counts; ${SLOTS}. Also threads with a number beyond kernel.pid_max as it was when the agent started: start it again`,
      thread_slots_process: 'the same: the threads of its process had their share',
      thread_slots_user: 'the same: the threads of its user’s processes had theirs',
      probe_files: 'too many copies of libslt are mapped; let services share one',
    },
  },
  {
    title: 'Time, calls and threads that are missing from a span',
    losses: {
      part_slots: `what a thread did for a span, or the calls of a fast child: there was no place; ${SLOTS}. The gap \`threads_left_out\`, or \`child_calls_left_out\`, says so`,
      part_slots_process: 'the same: its process had its share',
      part_slots_user: 'the same: its user’s processes had theirs',
      part_limit: 'the same: more threads worked for one span than are kept apart',
      switch:
        'a context switch of a thread was not seen; a slow span that it worked for just then says so by the gap `switch_missed`. Some are usual when the agent starts, and when a process or a capture does',
      journal:
        'entries of a thread’s journal that could not be read in time: of spans that are not followed then, or stay open until the process ends; the gap `switch_missed` of the span that it worked for says so',
      record_ring_full: `a record found no room in the ring buffer; ${SLOTS}. A span’s own is among them (\`span_ring_full\`), a part’s is told by the gap \`records_lost\`, and who a process is, is told again`,
      record_bytes_process:
        'who a process is was put off: it had used up its share of the ring buffer of this second',
      record_bytes_user: 'the same: its user’s processes had used up theirs',
      record_agent_behind:
        'the agent took records from the ring buffer, and had no time for them: it needs more CPU. A span’s own is among them (`span_agent_behind`)',
      orphaned_records: 'parts whose span did not arrive',
      'recursion_<program>': 'the kernel did not run this program, for it was under way on that CPU',
    },
  },
  {
    title: 'What a process told, and what changed nothing',
    losses: {
      context_unknown:
        'a thread turned to a span that is not open: it began before the agent, has ended, or was not followed',
      end_unknown:
        'a span ended that is not open: twice, or it began before the agent, or it was not followed',
      end_contested:
        'two threads ended a span at the same instant: it stays open, and when its process ends it is told as `process_died`',
      probe_version:
        'a span of a process that has a libslt of another version than the agent: start it again',
      probe_unreadable:
        'the memory that it told of could not be read just then; a span that begins so is not followed',
      'malformed_<what>': 'a record could not be understood: a defect of sltagent',
    },
  },
];
