/** What the command line says to who may not, or got it wrong: one sentence, with what to do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../helpers/compile.js';

const LAUNCHER = join(root, 'agent', 'bin', 'sltagent');

/** Exit status and standard error; nothing may be said on standard output. */
function refused(
  words: readonly string[],
  prefix: readonly string[] = [],
): [status: number | null, said: string] {
  const [command = '', ...rest] = [...prefix, LAUNCHER, ...words];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(stdout, '');
  return [status, stderr];
}

describe('the command line', function () {
  this.timeout(60_000);

  it('says which capabilities an agent lacks, and how it gets them', () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    assert.deepEqual(refused(['run'], nobody), [
      3,
      'sltagent: This process may not load BPF programs: it has neither CAP_BPF with CAP_PERFMON nor CAP_SYS_ADMIN. Run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; in a container, privileged.\n',
    ]);
  });

  for (const [words, said] of [
    [['exec', 'python3', 'app.py'], 'exec needs -- before the program: sltagent exec -- python3 app.py'],
    [
      ['exec', '--service', 'shop', 'python3', '-u', 'app.py', '--port', '80'],
      'exec needs -- before the program: sltagent exec --service shop -- python3 -u app.py --port 80',
    ],
    [
      ['exec', 'sh', '-c', "echo it's"],
      "exec needs -- before the program: sltagent exec -- sh -c 'echo it'\\''s'",
    ],
    [['exec', '--run', 'sleep', '1'], 'exec needs -- before the program: sltagent exec --run -- sleep 1'],
    [['rum', '--json'], 'rum: unknown command, did you mean run?'],
    [['python3', 'app.py'], 'python3: unknown command, sltagent --help lists them'],
    [['run', '--treshold', '5ms'], '--treshold: unknown option, did you mean --threshold?'],
    [['run', '--otlp-endpont=http://a'], '--otlp-endpont: unknown option, did you mean --otlp-endpoint?'],
    [['exec', '--servce', 'x', '--', 'true'], '--servce: unknown option, did you mean --service?'],
    [['exec', '--retry', '--', 'true'], /^--retry: unknown option, there are (--[a-z]+, )+--[a-z]+$/],
    [['run', '--capture', 'al'], '--capture: expected one of all, blocking, escalate, got "al"'],
    [
      ['config', 'print', '--capture', 'al', '--threshold', 'x'],
      /^--capture: .*\nsltagent: --threshold: expected a duration/,
    ],
  ] as const) {
    it(`says what was meant by ${words.join(' ')}`, () => {
      const [status, text] = refused(words);
      assert.equal(status, 2);
      if (typeof said === 'string') assert.equal(text, `sltagent: ${said}\n`);
      else assert.match(text.replace(/^sltagent: /, '').trimEnd(), said);
    });
  }
});
