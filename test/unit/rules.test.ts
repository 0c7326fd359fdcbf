import assert from 'node:assert/strict';
import { controlBlock, lowestThreshold, syscallRules } from '../../agent/src/backend/bpf/rules.js';
import { mapSizes } from '../../agent/src/backend/bpf/sizes.js';
import { loadConfig } from '../../agent/src/config/load.js';
import { readSyscallRule, SYSCALL_RULE_SIZE, SyscallFlag, Wait } from '../../agent/src/wire/layout.js';
import { syscallTable } from '../../agent/src/wire/syscall-table.js';
import type { Config } from '../../schemas/config/schema.js';

const MS = 1_000_000n;

function configured(values: object = {}): Config {
  return loadConfig({
    file: { path: 'test.yaml', text: JSON.stringify(values) },
    environment: {},
    flags: [],
  }).config;
}

function ruleOf(config: Config, call: string): { recorded: boolean; takesFd: boolean; wait: number } {
  const bytes = syscallRules(config);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = syscallTable.numbers.get(call);
  assert.ok(number !== undefined, call);
  const { flags, wait } = readSyscallRule(view, number * SYSCALL_RULE_SIZE);
  return {
    recorded: (flags & SyscallFlag.RECORD) !== 0,
    takesFd: (flags & SyscallFlag.TAKES_FD) !== 0,
    wait,
  };
}

describe('the rules that the kernel side gets', () => {
  it('hold an element for each number that it can have', () => {
    assert.equal(syscallRules(configured()).byteLength, 1024 * SYSCALL_RULE_SIZE);
  });

  it('record every call unless the user chooses', () => {
    const config = configured();
    for (const call of ['read', 'futex', 'getpid', 'epoll_wait'])
      assert.ok(ruleOf(config, call).recorded, call);
  });

  it('record what is included and not excluded', () => {
    const config = configured({ syscalls: { include: ['file', 'futex'], exclude: ['fsync'] } });
    const recorded = ['read', 'fsync', 'futex', 'getpid'].map((call) => ruleOf(config, call).recorded);
    assert.deepEqual(recorded, [true, false, true, false]);
  });

  it('hold for a call that comes through the 32-bit table as for the same call', () => {
    const view = new DataView(syscallRules(configured({ syscalls: { exclude: ['read'] } })).buffer);
    const rule = (number: number) => readSyscallRule(view, (512 + number) * SYSCALL_RULE_SIZE);
    assert.equal(rule(162).wait, Wait.SLEEP, '162 is nanosleep there, sync in the 64-bit table');
    assert.equal(rule(3).flags & SyscallFlag.RECORD, 0, '3 is read there, close in the 64-bit table');
    assert.equal(rule(102).flags, 0, 'socketcall has no one call that it could be named after');
  });

  it('tell how a sleep is classed also for calls that are not recorded', () => {
    const config = configured({ syscalls: { exclude: ['futex', 'read'] } });
    assert.deepEqual(ruleOf(config, 'futex'), { recorded: false, takesFd: false, wait: Wait.FUTEX });
    assert.deepEqual(ruleOf(config, 'read'), { recorded: false, takesFd: true, wait: Wait.FD });
    assert.equal(ruleOf(config, 'clock_nanosleep').wait, Wait.SLEEP);
    assert.equal(ruleOf(config, 'wait4').wait, Wait.CHILD);
  });

  it('begin with the lowest threshold of all, for names that no table holds', () => {
    assert.equal(lowestThreshold(configured()), 50n * MS);
    assert.equal(
      lowestThreshold(
        configured({
          threshold: '80ms',
          rules: [
            { service: 'checkout', operation: 'POST *', threshold: '20ms' },
            { service: 'batch-*', threshold: '5s' },
          ],
        }),
      ),
      20n * MS,
    );
    assert.equal(
      lowestThreshold(configured({ threshold: '10ms', rules: [{ service: 'batch-*', threshold: '5s' }] })),
      10n * MS,
    );
  });

  it('tell which spans are slow by every rule: of this generation and of the one before', () => {
    const elements = { thread: 360, part: 5200, span: 840, process: 112, user: 48 };
    const sizes = mapSizes(64 * 2 ** 20, 32_768, 512, elements);
    const highest = (threshold: string, highestBeforeNs: bigint): bigint =>
      controlBlock(configured({ threshold, rules: [{ service: 'batch-*', threshold: '5s' }] }), sizes, {
        generation: 1,
        attachedNs: 0n,
        callsAttachedNs: 0n,
        thresholdBeforeNs: 0n,
        highestBeforeNs,
      }).thresholdHighestNs;
    assert.deepEqual(
      [highest('10ms', 0n), highest('6s', 0n), highest('10ms', 9000n * MS)],
      [5000n * MS, 6000n * MS, 9000n * MS],
    );
  });

  it('leave something for others of the slots, and switch filters on where there are any', () => {
    const elements = { thread: 360, part: 5200, span: 840, process: 112, user: 48 };
    const sizes = mapSizes(64 * 2 ** 20, 32_768, 512, elements);
    const state = {
      generation: 7,
      attachedNs: 5n,
      callsAttachedNs: 6n,
      thresholdBeforeNs: 3n,
      highestBeforeNs: 4n,
    };
    const block = controlBlock(configured({ limits: { spans_per_second: 100 } }), sizes, state);
    assert.ok(block.spansOpenProcess < block.spansOpenUser && block.spansOpenUser < sizes.spans);
    assert.ok(block.threadsProcess < block.threadsUser && block.threadsUser < sizes.threads);
    assert.ok(block.partsProcess < block.partsUser && block.partsUser < sizes.parts);
    assert.ok(block.processesUser < sizes.processes);
    assert.equal(block.spansPerSecondProcess, 100);
    assert.ok(block.spansPerSecondUser > 100);
    assert.deepEqual([block.filterUsers, block.filterCgroups], [0, 0]);
    assert.deepEqual([block.generation, block.attachedNs, block.thresholdBeforeNs], [7, 5n, 3n]);
    const filtered = controlBlock(configured({ filter: { users: ['root'], cgroups: ['/a'] } }), sizes, state);
    assert.deepEqual([filtered.filterUsers, filtered.filterCgroups], [1, 1]);
  });
});
