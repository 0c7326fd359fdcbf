/** `figures`: what a user pays, in docs/figures/ and docs/cost.md. Not among the benches that run by default: it takes 20 minutes. */
import { join } from 'node:path';
import { Child } from '../../test/demo/child.js';
import { root } from '../../test/helpers/compile.js';
import { Conversation } from '../conversation.js';
import { describeMachine } from '../machine.js';
import type { Row } from '../row.js';
import type { Stage } from '../stage.js';
import { figureA } from './fig-a.js';
import type { Measured } from './measured.js';

const COMMAND = 'npm run bench -- figures';

export async function figures(stage: Stage): Promise<Row[]> {
  const measured: Measured = { machine: describeMachine(), command: COMMAND };
  const receiver = new Conversation(
    'taskset',
    ['-c', '1', process.execPath, join(root, 'dist', 'bench', 'otlp-receiver.js')],
    {},
  );
  try {
    const a = await figureA(stage, receiver, { rounds: 2, seconds: 3 }, measured);
    process.stdout.write(`${JSON.stringify(a)}\n`);
    return [];
  } finally {
    await Child.endAll();
    await receiver.stop();
  }
}
