/** `npm run demo`, as its users run it: in each capture every slow request is explained by its real cause. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { cases } from '../demo/cases.js';
import { root } from '../helpers/compile.js';
import { endPrograms, Program } from '../helpers/program.js';

interface Verdict {
  readonly case: string;
  readonly found: string;
  readonly ok: boolean;
}

const script = join(root, 'dist', 'test', 'demo', 'demo.js');
const DEMO_MS = 60_000;
const ENDED_MS = 20_000;

/** It ends its own agent and service when it is asked to; killed, it could not. */
async function withDemo(args: readonly string[], use: (demo: Program) => Promise<void>): Promise<void> {
  const demo = new Program([process.execPath, script, ...args]);
  const over = demo.exited.then(() => undefined);
  try {
    await use(demo);
  } finally {
    demo.signal('SIGTERM');
    const late = new Promise((resolve) => setTimeout(resolve, ENDED_MS).unref());
    await Promise.race([over, late]);
  }
}

describe('the demo', () => {
  afterEach(endPrograms);

  for (const capture of ['all', 'blocking']) {
    it(`finds every injected cause with capture ${capture}`, () =>
      withDemo(['--json', '--capture', capture], async (demo) => {
        const told = (): true | undefined => (demo.lines.length === cases.length ? true : undefined);
        await demo.until(told, 'a verdict on every case', DEMO_MS);
        const verdicts = demo.lines.map((line) => JSON.parse(line) as Verdict);
        const wrong = verdicts.filter(({ ok }) => !ok);
        assert.deepEqual(wrong, [], demo.errors.join('\n'));
        assert.deepEqual(
          verdicts.map((verdict) => verdict.case).sort(),
          cases.map(({ name }) => name).sort(),
        );
        await demo.succeeded(DEMO_MS);
      }));
  }
});
