/** Thread names that are kept for a while. */
import assert from 'node:assert/strict';
import { ThreadNames } from '../../agent/src/host/thread-names.js';

describe('names of threads', () => {
  let nowMs = 0;
  let reads: string[] = [];
  let name: string | undefined = 'worker';
  const fresh = (): ThreadNames => {
    nowMs = 0;
    reads = [];
    name = 'worker';
    return new ThreadNames(
      (pid, tid) => {
        reads.push(`${pid} ${tid}`);
        return name;
      },
      () => nowMs,
    );
  };

  it('are read once a second at most, and anew after it', () => {
    const names = fresh();
    assert.equal(names.of(7, 8), 'worker');
    name = 'renamed';
    nowMs = 999;
    assert.equal(names.of(7, 8), 'worker');
    nowMs = 1000;
    assert.equal(names.of(7, 8), 'renamed');
    assert.deepEqual(reads, ['7 8', '7 8']);
  });

  it('are not asked for again of a thread that has gone', () => {
    const names = fresh();
    name = undefined;
    assert.equal(names.of(7, 8), undefined);
    assert.equal(names.of(7, 8), undefined);
    assert.equal(reads.length, 1);
  });

  it('are never those of another process, nor of the program before', () => {
    const names = fresh();
    names.of(7, 8);
    name = 'other';
    assert.equal(names.of(9, 8), 'other');
    name = 'next program';
    names.forget(9);
    assert.equal(names.of(9, 8), 'next program');
  });

  it('are bounded in number', () => {
    const names = fresh();
    for (let tid = 0; tid < 4096; tid++) names.of(7, tid);
    names.of(7, 4096);
    names.of(7, 0);
    assert.equal(reads.length, 4098);
  });
});
