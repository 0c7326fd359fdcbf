import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { errnoName, errnoOf } from '../../agent/src/wire/errno-table.js';

describe('the names of errno values', () => {
  it('are those of the headers of the kernel', () => {
    const known = ['errno-base.h', 'errno.h'].flatMap((file) => [
      ...readFileSync(`/usr/include/asm-generic/${file}`, 'utf8').matchAll(/^#define\s+(E\w+)\s+(\d+)/gm),
    ]);
    assert.ok(known.length > 120);
    for (const [, name, value] of known) assert.equal(errnoName(Number(value)), name);
  });

  it('include those that only a tracepoint sees, and a number for others', () => {
    assert.equal(errnoName(512), 'ERESTARTSYS');
    assert.equal(errnoName(4000), 'errno_4000');
    assert.equal(errnoOf(-11n), 11);
    assert.equal(errnoOf(-4096n), undefined);
    assert.equal(errnoOf(0n), undefined);
  });
});
