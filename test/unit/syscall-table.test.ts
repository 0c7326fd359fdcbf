import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { syscallTable, UnknownSyscall } from '../../agent/src/wire/syscall-table.js';

/** The numbers that this machine's kernel headers give. */
function numbersOfHeaders(): [name: string, number: number][] {
  const header = readFileSync('/usr/include/x86_64-linux-gnu/asm/unistd_64.h', 'utf8');
  return [...header.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map((match) => [
    `${match[1]}`,
    Number(match[2]),
  ]);
}

describe('the table of system calls', () => {
  it('agrees with the headers of the kernel in every number', function () {
    const expected = numbersOfHeaders();
    assert.ok(expected.length > 300);
    assert.deepEqual(
      expected.map(([name]) => [name, syscallTable.numbers.get(name)]),
      expected,
    );
  });

  it('names a number that it does not know by its value', () => {
    assert.equal(syscallTable.nameOf(202), 'futex');
    assert.equal(syscallTable.nameOf(0x1ff), 'syscall_0x1ff');
  });

  it('puts every call into a class, and only real calls into classes', () => {
    for (const name of syscallTable.numbers.keys()) {
      assert.notDeepEqual(syscallTable.classesOf(name), [], name);
    }
    const classed = syscallTable.resolve(syscallTable.classNames);
    assert.deepEqual(classed, new Set(syscallTable.numbers.values()));
    assert.deepEqual(syscallTable.classesOf('no_such_call'), []);
  });

  it('lets a class contain the call that has its name', () => {
    for (const className of syscallTable.classNames.filter((name) => syscallTable.numbers.has(name))) {
      assert.ok(syscallTable.classesOf(className).includes(className), className);
    }
  });

  it('chooses by name and by class, with exclude stronger than include', () => {
    const number = (name: string) => syscallTable.numbers.get(name) ?? NaN;
    const chosen = syscallTable.chosen({ include: ['file', '%network', 'futex'], exclude: ['sync'] });
    assert.ok(chosen.has(number('read')) && chosen.has(number('recvfrom')) && chosen.has(number('futex')));
    assert.ok(!chosen.has(number('fsync')) && !chosen.has(number('getpid')));
    const all = syscallTable.chosen({ include: [], exclude: ['epoll_wait'] });
    assert.equal(all.size, syscallTable.numbers.size - 1);
  });

  it('gives the call alone where a class has its name, to those who ask for calls', () => {
    assert.deepEqual(
      [...syscallTable.named(['poll', 'futex', 'sync'])].map((number) => syscallTable.nameOf(number)),
      ['poll', 'futex', 'sync'],
    );
    assert.throws(() => syscallTable.named(['file']), UnknownSyscall);
  });

  it('refuses a name that is neither a call nor a class', () => {
    assert.throws(() => syscallTable.resolve(['read', 'raed']), UnknownSyscall);
    assert.throws(() => syscallTable.resolve(['%read']), UnknownSyscall);
  });
});
