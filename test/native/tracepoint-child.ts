/** Attaches by classic tracepoint, in a mount namespace in which tracefs is mounted; prints how often the program ran. */
import assert from 'node:assert/strict';
import { closeFixtures, loadAttachFixture, risesWhile } from './fixtures.js';

const calls = 100;
try {
  const object = loadAttachFixture(process.pid);
  const attach = () => object.program('on_tracepoint').attachTracepoint('raw_syscalls', 'sys_enter');
  const work = (): void => {
    let parents = 0;
    for (let i = 0; i < calls; i++) parents += process.ppid;
    assert.ok(parents > 0);
  };
  process.stdout.write(
    JSON.stringify({ calls, hits: Number(risesWhile(object, 'by_tracepoint', attach, work)) }),
  );
} finally {
  closeFixtures();
}
