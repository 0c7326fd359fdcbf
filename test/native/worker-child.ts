/**
 * A worker thread with the addon in it. It drains a ring, says how many records came, and then either closes what it has
 * opened ('close') or leaves all of it to its end: by itself ('exit') or by terminate() while records flow ('run').
 */
import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../agent/src/native.js';
import { closeFixtures, loadFixture, u64 } from './fixtures.js';

const object = loadFixture('ring');
const produce = (): unknown => object.program('produce').testRun(u64(1000n, 16n, 0n));
let records = 0;
const reader = native().drain(
  object.map('ring'),
  (_batch, count) => {
    records += count;
    if (records === 1000) void goOn();
    else if (workerData === 'run') produce();
  },
  { batchMs: 1 },
);
produce();

async function goOn(): Promise<void> {
  parentPort?.postMessage(records);
  if (workerData === 'close') {
    await reader.close();
    closeFixtures();
  } else if (workerData === 'exit') {
    process.exit(0);
  } else {
    produce();
  }
}
