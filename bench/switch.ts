/** `switch`: what a context switch of two processes that take no part costs more. */
import { pingPong } from './ping-pong.js';
import { ratioRow, type Row } from './row.js';
import { ROUNDS } from './rounds.js';
import type { Stage } from './stage.js';

export async function switching(stage: Stage): Promise<Row[]> {
  const samples = await pingPong(stage, { rounds: ROUNDS, roundTrips: 5_000 });
  const row = { bench: 'switch', unit: 'ns' };
  return [
    ratioRow({ ...row, case: 'switch_alone/no_agent', budget: 1.07 }, samples.switchAlone, samples.none),
    ratioRow({ ...row, case: 'switch_and_wakeup/no_agent', budget: 1.11 }, samples.all, samples.none),
  ];
}
