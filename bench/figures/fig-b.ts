/** Figure B: execution time against the number of requests and of injected system calls of each (served.py). */
import { join } from 'node:path';
import { sltagent } from '../../test/demo/agent.js';
import { root } from '../../test/helpers/compile.js';
import { Conversation } from '../conversation.js';
import { RunningAgent } from '../running-agent.js';
import type { Stage } from '../stage.js';
import { MEASURED_CPU } from '../workload.js';
import { byVariant, VARIANTS, type FigureB, type Measured, type Variant } from './measured.js';

export const REQUESTS = [100, 300, 1000, 3000] as const;
export const INJECTED = [0, 10, 100, 1000] as const;

/** New processes after so many rounds. */
const GENERATION = 3;
const WARM_UP = '200 10';

class Program extends Conversation {
  constructor(variant: Variant, port: number) {
    const python = join(root, 'build', 'python', 'test', 'bin', 'python');
    const script = join(root, 'bench', 'figures', 'served.py');
    const tracing = variant === 'untraced' ? ['none'] : ['sdk', `http://127.0.0.1:${port}`];
    const command = [python, script, String(MEASURED_CPU), ...tracing];
    if (variant === 'untraced' || variant === 'sdk') super(python, command.slice(1), {});
    else super(sltagent, ['exec', '--service', 'requests', '--', ...command], {});
  }

  /** Each cell once, in milliseconds. */
  async grid(): Promise<number[]> {
    const ms: number[] = [];
    await this.ask(WARM_UP);
    for (const { requests, calls } of cells()) ms.push(Number(await this.ask(`${requests} ${calls}`)));
    return ms;
  }
}

function cells(): { requests: number; calls: number }[] {
  return REQUESTS.flatMap((requests) => INJECTED.map((calls) => ({ requests, calls })));
}

export async function figureB(
  stage: Stage,
  receiver: Conversation,
  rounds: number,
  measured: Measured,
): Promise<FigureB> {
  const port = Number(await receiver.ask('port'));
  const grids = byVariant((): number[][] => []);
  for (let round = 0; round < rounds;) {
    const programs = byVariant((variant) => new Program(variant, port));
    try {
      for (let i = 0; i < GENERATION && round < rounds; i++, round++) {
        process.stderr.write(`bench: figure B, round ${round + 1} of ${rounds}\n`);
        for (let turn = 0; turn < VARIANTS.length; turn++) {
          const variant = VARIANTS[(turn + round) % VARIANTS.length];
          if (variant !== undefined) grids[variant].push(await gridOf(stage, variant, programs[variant]));
        }
      }
    } finally {
      await Promise.all(Object.values(programs).map((program) => program.stop()));
    }
  }
  return {
    ...measured,
    cells: cells().map((cell, index) => ({
      ...cell,
      ms: byVariant((variant) => grids[variant].map((grid) => Number((grid[index] ?? NaN).toPrecision(5)))),
    })),
  };
}

async function gridOf(stage: Stage, variant: Variant, program: Program): Promise<number[]> {
  if (variant === 'untraced' || variant === 'sdk') return program.grid();
  const agent = await RunningAgent.start(stage, {
    // The loop makes nothing but spans, more than the default lets one process have; nothing here is slow.
    config: [`capture: ${variant}`, 'limits: { spans_per_second: 10000000 }'],
    uid: process.geteuid?.() ?? 0,
  });
  try {
    const ms = await program.grid();
    const spans = (await agent.stop()).kernel['spans_started'] ?? 0;
    const made = cells().reduce((sum, { requests }) => sum + requests, 0);
    if (spans < made) throw new Error(`the agent followed ${spans} of ${made} spans`);
    return ms;
  } finally {
    await agent.kill();
  }
}
