/** A span is annotated on this kernel, rightly. */
import assert from 'node:assert/strict';

import { total, type SlowSpan } from '../../helpers/agent.js';
import { withAgent } from './explained.js';

/** Returns what the agent said of the span. */
export async function annotateSpan(): Promise<string> {
  return withAgent('all', async (explain) => {
    const span = await explain('nap');
    expectTheTruth(span);
    return span.cause.text;
  });
}

function expectTheTruth(span: SlowSpan): void {
  assert.equal(span.cause.type, 'sleep');
  const slept = span.time['blocked.sleep'] ?? 0;
  // The sleep ends 300 ms after the call; under emulation the way to sleep takes some of that.
  const call = total(span, 'clock_nanosleep');
  assert.ok((call?.time_us ?? 0) >= 300_000, `a call of 300 ms, of which ${call?.time_us} µs were seen`);
  assert.ok(slept >= 270_000, `asleep for 300 ms, of which ${slept} µs were seen`);
  assert.equal(total(span, 'getppid')?.count, 10, 'each getppid was counted');
}
