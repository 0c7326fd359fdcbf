/**
 * A worker thread with the addon in it. It drains a ring, says how many of its 1,000 records came, and then either closes
 * what it has opened ('close') or leaves all of it to its end: by itself ('exit') or by terminate() while records flow
 * ('run'; then each batch brings about the next one, and the first is told of).
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
    if (workerData === 'run') keepFlowing();
    else if (records === 1000) void end();
  },
  { batchMs: 1 },
);
produce();

let told = false;
function keepFlowing(): void {
  produce();
  if (told) return;
  told = true;
  parentPort?.postMessage(records);
}

async function end(): Promise<void> {
  parentPort?.postMessage(records);
  if (workerData === 'exit') process.exit(0);
  await reader.close();
  closeFixtures();
}
