/** What the agent's counts must add up to, whatever was lost. */
import assert from 'node:assert/strict';
import type { Summary } from './agent.js';

/** Every span and every record is where the counts say that it is. */
export function assertBalanced(summary: Summary, exporterDrops: readonly string[] = []): void {
  const { kernel, dropped } = summary;
  const sumOf = (reasons: readonly string[]): number =>
    reasons.reduce((count, reason) => count + dropped(reason), 0);
  assert.equal(kernel('spans_started'), kernel('spans_fast') + kernel('spans_slow'), 'started');
  assert.equal(
    kernel('spans_slow'),
    kernel('spans_sent') + sumOf(['span_ring_full', 'span_bytes_process', 'span_bytes_user']),
    'slow',
  );
  assert.equal(kernel('records_produced'), kernel('records_sent') + dropped('record_ring_full'), 'produced');
  assert.equal(kernel('records_sent'), kernel('records_drained') + dropped('record_agent_behind'), 'sent');
  assert.equal(
    kernel('spans_sent'),
    summary.annotated + sumOf(['span_agent_behind', 'below_rule', 'failed', ...exporterDrops]),
    'annotated',
  );
  assert.deepEqual(
    Object.keys(summary.droppedReasons).filter((reason) => reason.startsWith('malformed')),
    [],
  );
}
