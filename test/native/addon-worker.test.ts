import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { presentFiles } from '../helpers/present-files.js';
import { until } from '../helpers/until.js';
import { native } from '../../agent/src/native.js';
import { closeFixtures, fixturePath, loadFixture, requireRoot, u64 } from './fixtures.js';

/** The numbers of BPF maps, programs and links that this process holds, by its descriptors. */
function bpfDescriptors(): number {
  const kinds = presentFiles('/proc/self/fdinfo');
  return kinds.filter((text) => /^(map|prog|link)_id:/m.test(text)).length;
}

function ringThreads(): number {
  return presentFiles('/proc/self/task', 'comm').filter((name) => name.trim() === 'slt-ring').length;
}

describe('addon: worker threads', () => {
  before(requireRoot);
  // Compiled here, so that no worker has to.
  before(() => void fixturePath('ring'));
  afterEach(closeFixtures);

  function start(then: 'close' | 'exit' | 'run'): Worker {
    return new Worker(new URL('./worker-child.js', import.meta.url), { workerData: then });
  }

  async function nothingIsLeft(): Promise<void> {
    await until(() => bpfDescriptors() === 0 && ringThreads() === 0, 'no descriptor and no thread is left');
  }

  it('works in several workers and the main thread at the same time', async () => {
    const object = loadFixture('ring');
    let records = 0;
    const reader = native().drain(object.map('ring'), (_batch, count) => (records += count));
    const workers = [start('close'), start('close'), start('close')];
    const exits = workers.map((worker) => once(worker, 'exit'));
    const counts = await Promise.all(
      workers.map(async (worker) => ((await once(worker, 'message')) as [number])[0]),
    );
    object.program('produce').testRun(u64(500n, 16n, 0n));
    assert.deepEqual(await Promise.all(exits), [[0], [0], [0]]);
    await reader.close();
    assert.deepEqual(counts, [1000, 1000, 1000]);
    assert.equal(records, 500);
    closeFixtures();
    await nothingIsLeft();
  });

  it('frees everything when a worker ends without closing anything', async () => {
    const worker = start('exit');
    const exit = once(worker, 'exit');
    await once(worker, 'message');
    assert.deepEqual(await exit, [0]);
    await nothingIsLeft();
  });

  it('frees everything when a worker is terminated while its ring is being drained', async () => {
    for (let round = 0; round < 5; round++) {
      const worker = start('run');
      await once(worker, 'message');
      await sleep(round);
      await worker.terminate();
    }
    await nothingIsLeft();
  });
});
