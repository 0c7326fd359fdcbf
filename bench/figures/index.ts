/**
 * `figures`: what a user pays, measured into docs/figures/*.json; the plots and docs/cost.md are made from these. It takes
 * some 25 minutes, so it runs only when it is named.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../test/demo/child.js';
import { root } from '../../test/helpers/compile.js';
import { exitOnSignals } from '../../test/helpers/exit-on-signal.js';
import { Conversation } from '../conversation.js';
import { describeMachine } from '../machine.js';
import type { Row } from '../row.js';
import type { Stage } from '../stage.js';
import { figureA } from './fig-a.js';
import { figureB } from './fig-b.js';
import { publish, readFigures, saveFigures } from './files.js';
import type { Figures, Measured } from './measured.js';
import { peers } from './peers.js';
import { rowsOf } from './rows.js';

const COMMAND = 'npm run bench -- figures';

/** SLT_FIGURES_ROUNDS=A,B,PEERS,PAIRS: fewer of them, to try a change. PAIRS: of slices, in each process. */
function rounds(): { a: number; b: number; peers: number; pairs: number } {
  const [a = 24, b = 12, peersRounds = 6, pairs = 12] = (process.env['SLT_FIGURES_ROUNDS'] ?? '')
    .split(',')
    .filter((word) => word !== '')
    .map(Number);
  return { a, b, peers: peersRounds, pairs };
}

export async function figures(stage: Stage): Promise<Row[]> {
  endWithUs(stage);
  const asked = process.env['SLT_FIGURES_ROUNDS'];
  const fewer = asked === undefined ? '' : `, SLT_FIGURES_ROUNDS=${asked}`;
  const measured: Measured = { machine: describeMachine() + fewer, command: COMMAND };
  const { a, b, peers: peersRounds, pairs } = rounds();
  const receiver = new Conversation(
    'taskset',
    ['-c', String(cpus().length - 1), process.execPath, join(root, 'dist', 'bench', 'otlp-receiver.js')],
    {},
  );
  try {
    const data: Figures = {
      a: await figureA(stage, receiver, { rounds: a, seconds: 2, pairs }, measured),
      b: await figureB(stage, receiver, b, measured),
      peers: await peers(stage, peersRounds, measured),
    };
    saveFigures(data);
    // What was saved is what is published: a figure must not depend on digits that the files do not have.
    publish(readFigures());
    return rowsOf(readFigures());
  } finally {
    await Child.endAll();
    await receiver.stop();
  }
}

/** Interrupted, or failed where nothing can be awaited any more: no service, tool or agent outlives us. */
function endWithUs(stage: Stage): void {
  process.once('exit', () => {
    Child.killAll();
    stage.remove();
  });
  exitOnSignals();
}
