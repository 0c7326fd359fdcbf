import assert from 'node:assert/strict';
import { mapSizes, sharesOf } from '../../agent/src/backend/bpf/sizes.js';

const MIB = 2 ** 20;
const elements = { thread: 360, part: 5200, span: 840, process: 112, user: 48 };

describe('the division of limits.kernel_memory', () => {
  for (const memory of [4, 8, 64, 128, 1024, 4096].map((mib) => mib * MIB)) {
    it(`gives out ${memory / MIB} MiB, and not more`, () => {
      const sizes = mapSizes(memory, 32_768, 512, elements);
      assert.ok(sizes.bytes <= memory, `${sizes.bytes}`);
      assert.ok(sizes.bytes > 0.75 * memory, 'and not much less, a power of two for the ring aside');
      assert.equal(Math.log2(sizes.ring) % 1, 0);
      assert.ok(sizes.ring >= 64 * 1024 && sizes.ring <= memory / 6);
      assert.equal(sizes.parts, sizes.spans, 'a part for each span');
      for (const count of [sizes.threads, sizes.spans, sizes.tidBlocks]) {
        assert.ok(Number.isInteger(count) && count >= 1);
      }
    });
  }

  it('holds 10,000 spans in 128 MiB and fewer by default', () => {
    assert.ok(mapSizes(128 * MIB, 32_768, 512, elements).spans > 10_000);
    assert.ok(mapSizes(64 * MIB, 32_768, 512, elements).spans < 10_000);
  });

  it('has a place for every thread number of the machine', () => {
    for (const pidMax of [32_768, 4_194_304, 1000]) {
      const { tidBlocks } = mapSizes(64 * MIB, pidMax, 512, elements);
      assert.ok(tidBlocks * 64 >= pidMax && (tidBlocks - 1) * 64 < pidMax);
    }
  });

  it('never passes what slots can be named by', () => {
    const { threads, spans } = mapSizes(2 ** 40, 32_768, 512, { ...elements, part: 64, span: 64 });
    assert.ok(threads < 2 ** 16 && spans < 2 ** 20);
  });

  it('leaves room for another user beside one, and for another process beside one', () => {
    for (let slots = 2; slots < 5000; slots++) {
      const { process, user } = sharesOf(slots);
      assert.ok(process >= 1 && process <= user && user < slots, `${process}, ${user} of ${slots}`);
    }
    assert.deepEqual(sharesOf(1), { process: 1, user: 1 });
    assert.deepEqual(sharesOf(1000), { process: 900, user: 937 });
  });

  it('refuses what is too little with how much would do, and that much does', () => {
    const needed = (memory: number): number => {
      try {
        mapSizes(memory, 4_194_304, 512, elements);
        return 0;
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return Number(/need (\d+) bytes/.exec(error.message)?.[1]);
      }
    };
    const least = needed(4 * MIB);
    assert.ok(least > 4 * MIB);
    assert.equal(needed(least), 0);
    assert.equal(needed(least - 1), least);
  });
});
