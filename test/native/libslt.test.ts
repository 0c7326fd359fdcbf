import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS } from '../helpers/until.js';
import { buildLibslt, libslt, libsltProgram, plainEnvironment } from './libslt-programs.js';

const SITES = [
  'slt_probe_process',
  'slt_probe_span_start',
  'slt_probe_span_end',
  'slt_probe_context_set',
  'slt_probe_journal',
];

/** Rows of `readelf --wide`, split at white space. */
function readelf(...options: string[]): string[][] {
  const output = execFileSync('readelf', ['--wide', ...options, libslt()], { encoding: 'utf8' });
  return output.split('\n').map((line) => line.trim().split(/\s+/));
}

interface DynamicSymbol {
  size: number;
  type: string;
  section: number;
}

/** What .dynsym defines, by name. */
function exported(): Map<string, DynamicSymbol> {
  const symbols = new Map<string, DynamicSymbol>();
  for (const [, , size, type, bind, visibility, section, name] of readelf('--dyn-syms')) {
    if (name === undefined || section === 'UND' || bind !== 'GLOBAL' || visibility !== 'DEFAULT') continue;
    symbols.set(name, { size: Number(size), type: type ?? '', section: Number(section) });
  }
  return symbols;
}

function symbol(name: string): DynamicSymbol {
  const found = exported().get(name);
  assert.ok(found !== undefined, `${name} is not in .dynsym`);
  return found;
}

function bytesOf(name: string): string {
  const output = execFileSync('objdump', ['--wide', `--disassemble=${name}`, libslt()], { encoding: 'utf8' });
  const lines = [...output.matchAll(/^ +[0-9a-f]+:\t([0-9a-f ]+)/gm)];
  return lines.map(([, bytes]) => bytes?.trim() ?? '').join(' ');
}

function runCase(program: string, ...words: string[]): void {
  const { status, signal, stderr } = spawnSync(libsltProgram(program), words, {
    encoding: 'utf8',
    env: plainEnvironment(),
    timeout: PATIENCE_MS,
  });
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
}

describe('libslt', () => {
  before(buildLibslt);

  describe('its file', () => {
    it('exports the API, the probe sites, their semaphores, the thread context, and nothing else', () => {
      const api = ['slt_enabled', 'slt_span_start', 'slt_span_end', 'slt_context_set', 'slt_resource_set'];
      const semaphores = SITES.map((site) => `${site}_semaphore`);
      assert.deepEqual(
        [...exported().keys()].sort(),
        [...api, ...SITES, ...semaphores, 'otel_thread_ctx_v1'].sort(),
      );
    });

    for (const site of SITES) {
      it(`has nop10, nop5, nop1 and ret at ${site}`, function () {
        if (process.arch !== 'x64') this.skip();
        assert.equal(symbol(site).type, 'FUNC');
        assert.equal(symbol(site).size, 17);
        assert.equal(bytesOf(site), '66 2e 0f 1f 84 00 00 00 00 00 0f 1f 44 00 00 90 c3');
      });

      it(`has the semaphore of ${site} in a writable section that lies in the file`, () => {
        const semaphore = symbol(`${site}_semaphore`);
        assert.deepEqual([semaphore.type, semaphore.size], ['OBJECT', 2]);
        // [ nr] name type address offset size entry flags …; a space stands between bracket and number below 10.
        const section = readelf('--sections')
          .map((row) => (row[0] === '[' ? row.slice(1) : row))
          .find(([number]) => Number(number?.replace(/[[\]]/g, '')) === semaphore.section);
        assert.deepEqual([section?.[2], section?.[7]], ['PROGBITS', 'WA']);
      });
    }

    it('exports the thread context as a thread-local pointer', () => {
      const pointer = symbol('otel_thread_ctx_v1');
      assert.deepEqual([pointer.type, pointer.size], ['TLS', 8]);
    });

    it('needs nothing but the C library', () => {
      const needed = readelf('--dynamic').filter((row) => row[1] === '(NEEDED)');
      assert.deepEqual(
        needed.map((row) => row.at(-1)),
        ['[libc.so.6]'],
      );
    });
  });

  for (const [variant, name] of [
    ['', 'its calls'],
    ['-asan', 'its calls, under AddressSanitizer and UndefinedBehaviorSanitizer'],
  ] as const) {
    describe(name, () => {
      const calls = (name: string) => () => runCase(`libslt_calls${variant}`, name);
      const state = (name: string) => () => runCase(`libslt_state${variant}`, name);
      const journal = (name: string) => () => runCase(`libslt_journal${variant}`, name);

      it('reach no probe and make no system call while no agent is attached', calls('detached'));
      it('make no system call while an agent is attached', calls('no_system_calls'));
      it('bring their arguments to the probes in registers', calls('arguments'));
      it('tell a context once, and a repetition not at all', calls('context_repeated'));
      it('tell the context again to the next agent', calls('context_after_detach'));
      it('tell it again also where another thread saw the agent go', calls('context_after_detach_elsewhere'));
      it('announce the process and tell the context again in a child of fork', calls('forked'));
      it('… and of a raw clone', calls('cloned'));
      it('keep threads apart, and announce their process once', calls('threads'));
      it('do not take a context for known that a signal handler may have replaced', calls('signal_handler'));
      it('leave errno alone', calls('error_number'));

      it('number resources by their text, and hand each over with a span', state('resources'));
      it('keep a resource where nobody can change it', state('resource_is_immutable'));
      it('give threads that set the same resources the same numbers', state('resources_of_threads'));
      it('cut a name at the border of a character', state('names'));
      it('keep the thread context record of OTEP 4947 without an agent', state('thread_record'));
      it('… and with one', state('thread_record_attached'));

      it(
        'write starts, contexts and short ends into a journal, where an agent asks for it',
        journal('written'),
      );
      it('let a span tell of those that began and ended within it', journal('nested'));
      it('undo no start of a thread whose context is not known', journal('context_unknown'));
      it('undo no start that others or contexts have come to need', journal('not_undone'));
      it('… or of which another thread has told the end', journal('void_start'));
      it('trap at the end of a span that is not short', journal('late_end'));
      it('trap at the first end that names a resource, for each agent', journal('resource_told'));
      it('trap for spans that the thread has not started, or has ended', journal('not_its_own'));
      it('trap once for as many entries as a journal has', journal('full'));
      it('write the end of a start as long as its entry is there', journal('start_overwritten'));
      it('go on where the numbers of entries wrap around', journal('numbers_wrap'));
      it(
        'trap while no agent asks for journals, and write to the same one then',
        journal('journals_lowered'),
      );
      it('tell the next agent of the journal again', journal('next_agent'));
      it('… also where a start or an end saw the former one go', journal('agent_gone'));
      it('trap before they write, after the thread was silent', journal('silent'));
      it('… but not before what traps anyway', journal('silent_without_entry'));
      it('hand the journal over with each trap, once there is one', journal('arguments'));
      it('keep a number of open spans as the own ones of a thread', journal('own_open'));
      it('… of which the oldest makes way', journal('own_oldest'));
      it('… unless there are ended ones', journal('own_ended'));
      it('… whose ends trapped', journal('own_ended_late'));
      it('… as no agent asked for journals', journal('own_ended_lowered'));
      it('make no system call while they write', journal('no_system_calls'));
      it('trap in a signal handler that comes as a journal is told of', journal('signal_at_registration'));
      it('… as a context is written', journal('signal_in_context'));
      it('… as a start is written', journal('signal_in_start'));
      it('… as an end is written', journal('signal_in_end'));
      it('write in one that comes at a trap', journal('signal_at_trap'));
      it('write nothing any more once a thread works for a span of another', journal('shared_by_context'));
      it('… or ends one, which nobody opens then', journal('shared_by_end'));
      it('… or starts a child of one', journal('shared_by_child'));
      it('… but not for spans that no thread has open', journal('not_shared'));
      it('tell what an exiting thread has written, whose journal the next one takes', journal('thread_exit'));
      it('… but not to the agent that came after it', journal('thread_exit_next_agent'));
      it(
        'tell it too when the process exits, once, and a child that has told nothing is silent',
        journal('process_exit'),
      );
      it('trap in threads that no journal is left for', journal('too_many_threads'));
      it('take a journal anew in a child of fork', journal('forked'));
      it('… and of a raw clone, of this too', journal('cloned'));
      it('… also where their parent writes nothing any more', journal('shared_then_fork'));

      it('belong to one copy of the library, when two are loaded', () => {
        const folder = mkdtempSync(join(tmpdir(), 'slt-copy-'));
        try {
          const copy = join(folder, 'copy.so');
          copyFileSync(libslt(variant), copy);
          runCase(`libslt_state${variant}`, 'two_copies', copy);
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    });
  }
});
