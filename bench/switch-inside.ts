/** Runs inside a virtual machine (old-kernel.ts): the same ping-pong, its samples as one line of JSON. */
import { pingPong } from './ping-pong.js';
import { buildStage } from './stage.js';

/** Emulated, it takes some 30 times as long as on the machine itself. */
const ROUNDS = 61;
const ROUND_TRIPS = 300;

const stage = buildStage();
try {
  const samples = await pingPong(stage, { rounds: ROUNDS, roundTrips: ROUND_TRIPS });
  process.stdout.write(`${JSON.stringify(samples)}\n`);
} finally {
  stage.remove();
}
