/** With capture `blocking`, waits are named and timed on this kernel, rightly, and no system call pays for it. */
import assert from 'node:assert/strict';

import { wait, type SlowSpan } from '../../helpers/agent.js';
import { attachedBy, systemCallsAttached } from '../../helpers/links.js';
import { withAgent } from './explained.js';

/** Of 300 ms: under emulation the way to sleep takes some. */
const LEAST_US = 270_000;

/** Returns what the agent said of the spans. */
export async function nameWaits(): Promise<string> {
  return withAgent('blocking', async (explain, pid) => {
    const nap = await explain('nap');
    expectWait(nap, 'clock_nanosleep', 'blocked.sleep');
    const pipe = await explain('pipe');
    expectWait(pipe, 'read', 'blocked.ipc');
    const attached = attachedBy(pid);
    assert.ok(attached.includes('sched_switch'), `attached: ${attached.join()}`);
    assert.deepEqual(systemCallsAttached(pid), []);
    return [nap, pipe].map(({ cause }) => cause.text).join('; ');
  });
}

function expectWait(span: SlowSpan, call: string, ofClass: string): void {
  assert.deepEqual(span.capture, { mode: 'blocking', escalated: false });
  assert.deepEqual(span.totals.calls, []);
  assert.ok((span.time['on_cpu.any'] ?? 0) > 0);
  assert.equal(span.cause.call, call);
  const { count, time_us, max_us } = wait(span, call) ?? { count: 0, time_us: 0, max_us: 0 };
  assert.ok(count >= 1 && max_us >= LEAST_US, `${count} × ${call}, at most ${max_us} µs`);
  const inClass = span.time[ofClass] ?? 0;
  assert.ok(Math.abs(inClass - time_us) <= 2, `${inClass} µs ${ofClass}, ${time_us} µs in ${call}`);
}
