/** A recorded stream is explained as it was when it was recorded, without a kernel. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, Service, type SlowSpan } from '../helpers/agent.js';
import { root } from '../helpers/compile.js';
import { endPrograms, Program } from '../helpers/program.js';

describe('a stream that the agent recorded', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agent-replay-'));
  });
  afterEach(async () => {
    await endPrograms();
    rmSync(folder, { recursive: true, force: true });
  });

  async function replay(file: string, ...args: string[]): Promise<Program> {
    const replayed = new Program(
      [join(root, 'agent', 'bin', 'sltagent'), 'replay', '--json', ...args, file],
      {
        ...process.env,
        SLTAGENT_THRESHOLD: '40ms',
      },
    );
    await replayed.exited;
    return replayed;
  }

  /** Names of threads and paths are the host's of then, and are not kept. */
  function comparable(span: SlowSpan): unknown {
    const strip = (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(attributes).filter(
          ([name]) => !['thread.name', 'slt.threads', 'file.path'].includes(name),
        ),
      );
    const { start_unix_ns: _, end_unix_ns: __, ...rest } = span;
    return {
      ...rest,
      attributes: strip(span.attributes),
      calls: span.calls.map(({ name, attributes }) => ({ name, attributes: strip(attributes) })),
    };
  }

  it('is explained again in the same words', async () => {
    const file = join(folder, 'stream');
    const agent = await Agent.start({ config: { threshold: '40ms' }, args: ['--record', file] });
    await agent.attached();
    const program = await Service.python('reasons', [folder]);
    for (const name of ['sleep', 'reads', 'family']) {
      program.say(name);
      await program.next();
    }
    program.closeInput();
    await program.succeeded();
    await agent.stop();

    const replayed = await replay(file);
    assert.deepEqual(await replayed.exited, { code: 0, signal: null });
    const spans = replayed.lines.map((line) => JSON.parse(line) as SlowSpan);
    assert.ok(spans.some(({ service, name }) => service === 'reasons' && name === 'family'));
    assert.deepEqual(spans.map(comparable), agent.spans.map(comparable));
  });

  it('is refused in a sentence when it is no recording', async () => {
    const replayed = await replay(join(root, 'package.json'));
    assert.equal((await replayed.exited).code, 1);
    assert.match(replayed.errors.join('\n'), /is no recording of sltagent/);
    const absent = await replay(join(folder, 'absent'));
    assert.equal((await absent.exited).code, 1);
    assert.match(absent.errors.join('\n'), /absent cannot be read/);
  });
});
