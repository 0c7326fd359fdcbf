/** What the resolver remembers of processes, and for how long. */
import assert from 'node:assert/strict';
import type { ProcessFacts } from '../../agent/src/resolve/process-facts.js';
import { Resolver } from '../../agent/src/resolve/resolver.js';
import type { ProcessKey } from '../../agent/src/spans/evidence.js';

const processNumber = (pid: number): ProcessKey => ({ pid, startNs: BigInt(pid) });

function startResolver(): { resolver: Resolver; asked: number[] } {
  const asked: number[] = [];
  const resolver = new Resolver({
    facts: ({ pid }): ProcessFacts => {
      asked.push(pid);
      return {
        name: `p${pid}`,
        environment: {},
        attributes: { 'process.pid': pid },
        runtime: { runtime: undefined },
      };
    },
    threadName: () => undefined,
    filePath: () => undefined,
    unixOffsetNs: () => 0n,
  });
  return { resolver, asked };
}

function tell(resolver: Resolver, process: ProcessKey, service: string): void {
  resolver.resourceTold({ process, number: 1, attributes: [['service.name', service]] });
}

describe('the resolver', () => {
  it('keeps what a running process told, however many others come and go', () => {
    const { resolver } = startResolver();
    const old = processNumber(1);
    resolver.processStarted(old, 1n, 0);
    tell(resolver, old, 'shop');
    for (let pid = 2; pid < 6000; pid++) {
      resolver.processStarted(processNumber(pid), 1n, 0);
      resolver.processEnded(processNumber(pid), 1n);
    }
    assert.equal(resolver.resourceOf(old, 1).serviceName, 'shop');
  });

  it('remembers a process that has just gone, and forgets it when a thousand others have', () => {
    const { resolver, asked } = startResolver();
    const gone = processNumber(1);
    resolver.processStarted(gone, 1n, 0);
    tell(resolver, gone, 'shop');
    resolver.processEnded(gone, 1n);
    assert.equal(resolver.resourceOf(gone, 1).serviceName, 'shop');
    for (let pid = 2; pid < 1200; pid++) {
      resolver.processStarted(processNumber(pid), 1n, 0);
      resolver.processEnded(processNumber(pid), 1n);
    }
    assert.equal(asked.filter((pid) => pid === 1).length, 1);
    assert.notEqual(resolver.resourceOf(gone, 1).serviceName, 'shop');
    assert.equal(asked.filter((pid) => pid === 1).length, 2);
  });

  it('forgets what the program before an execve told, and keeps what the new one tells', () => {
    const { resolver } = startResolver();
    const process = processNumber(1);
    resolver.processStarted(process, 1n, 0);
    tell(resolver, process, 'launcher');
    resolver.processEnded(process, 1n);
    resolver.processStarted(process, 2n, 0);
    assert.notEqual(resolver.resourceOf(process, 1).serviceName, 'launcher');
    tell(resolver, process, 'shop');
    assert.equal(resolver.resourceOf(process, 1).serviceName, 'shop');
  });

  it('forgets it also when the end of that program was lost', () => {
    const { resolver } = startResolver();
    const process = processNumber(1);
    resolver.processStarted(process, 1n, 0);
    tell(resolver, process, 'launcher');
    assert.equal(resolver.processStarted(process, 2n, 0).news, 'program');
    assert.notEqual(resolver.resourceOf(process, 1).serviceName, 'launcher');
  });

  it('keeps what a process told when it is told of again, or for the first time after that', () => {
    const { resolver } = startResolver();
    for (const [pid, first] of [
      [1, 'program'],
      [2, 'start'],
    ] as const) {
      const process = processNumber(pid);
      if (first === 'program') assert.equal(resolver.processStarted(process, 7n, 0).news, first);
      tell(resolver, process, 'shop');
      assert.equal(resolver.processStarted(process, 7n, 0).news, first === 'program' ? 'nothing' : first);
      assert.equal(resolver.processStarted(process, 7n, 0).news, 'nothing');
      assert.equal(resolver.resourceOf(process, 1).serviceName, 'shop');
    }
  });

  it('does not take the end of a former program for that of the present one', () => {
    const { resolver } = startResolver();
    const process = processNumber(1);
    resolver.processStarted(process, 1n, 0);
    resolver.processEnded(process, 1n);
    resolver.processStarted(process, 2n, 0);
    tell(resolver, process, 'shop');
    assert.equal(resolver.processEnded(process, 1n), false);
    assert.equal(resolver.processStarted(process, 2n, 0).news, 'nothing');
    assert.equal(resolver.resourceOf(process, 1).serviceName, 'shop');
    assert.equal(resolver.processEnded(process, 2n), true);
  });

  it('gives a told attribute the type that it was marked with, where attributes have it', () => {
    const { resolver } = startResolver();
    const process = processNumber(1);
    const texts: [key: string, written: string, value: unknown][] = [
      ['plain', '[1]', '[1]'],
      ['empty', '', ''],
      ['process.pid', '\u00014711', 4711],
      ['ratio', '\u00010.5', 0.5],
      ['flag', '\u0001false', false],
      ['marked', '\u0001"\\u0001x"', '\u0001x'],
      ['numbers', '\u0001[0,1,2]', [0, 1, 2]],
      ['words', '\u0001["a","b"]', ['a', 'b']],
      ['flags', '\u0001[true,false]', [true, false]],
      ['nothing', '\u0001[]', []],
      ['mixed', '\u0001[1,"a"]', '[1,"a"]'],
      ['nested', '\u0001[[1]]', '[[1]]'],
      ['null', '\u0001null', 'null'],
      ['object', '\u0001{"a":1}', '{"a":1}'],
      ['inexact', '\u00019007199254740993', '9007199254740993'],
      ['large', '\u0001[1,9007199254740993]', '[1,9007199254740993]'],
      ['infinite', '\u00011e999', '1e999'],
      ['broken', '\u0001[1,', '[1,'],
      ['mark', '\u0001', ''],
    ];
    resolver.resourceTold({
      process,
      number: 1,
      attributes: texts.map(([key, written]) => [key, written] as const),
    });
    const { attributes } = resolver.resourceOf(process, 1);
    for (const [key, , value] of texts) assert.deepEqual(attributes[key], value, key);
  });

  it('does not take a name that is no text for that of the service', () => {
    const { resolver } = startResolver();
    const process = processNumber(1);
    resolver.resourceTold({ process, number: 1, attributes: [['service.name', '\u00017']] });
    const { serviceName, attributes } = resolver.resourceOf(process, 1);
    assert.equal(serviceName, 'unknown_service:p1');
    assert.equal(attributes['service.name'], serviceName);
  });
});
