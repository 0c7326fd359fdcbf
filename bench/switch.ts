/** `switch`: what a context switch of two processes that take no part costs more. */
import { pingPongOn } from './old-kernel.js';
import { pingPong, type PingPongSamples } from './ping-pong.js';
import { ratioRow, type Row } from './row.js';
import { ROUNDS } from './rounds.js';
import type { Stage } from './stage.js';

/** In one round of one variant: some 40 ms. With 10 ms the intervals were mostly wider. */
const ROUND_TRIPS = 5_000;
/** Up to this one a task's own BPF storage can be out of reach at a wake-up. The agent uses none on any kernel, so its way is the same. */
const OLD_KERNEL = '6.1';

export async function switching(stage: Stage): Promise<Row[]> {
  const here = rows(await pingPong(stage, { rounds: ROUNDS, roundTrips: ROUND_TRIPS }), {
    switchAlone: 1.07,
    all: 1.11,
  });
  const old = await pingPongOn(OLD_KERNEL);
  return old === undefined ? here : [...here, ...rows(old, {}, `linux_${OLD_KERNEL}/`)];
}

/** Without a budget for them the ratios are figures only. */
function rows(
  samples: PingPongSamples,
  budgets: Partial<Record<'switchAlone' | 'all', number>>,
  prefix = '',
): Row[] {
  const row = { bench: 'switch', unit: 'ns' };
  const budget = (of: number | undefined) => (of === undefined ? {} : { budget: of });
  return [
    ratioRow(
      { ...row, case: `${prefix}switch_alone/no_agent`, ...budget(budgets.switchAlone) },
      samples.switchAlone,
      samples.none,
    ),
    ratioRow(
      { ...row, case: `${prefix}switch_and_wakeup/no_agent`, ...budget(budgets.all) },
      samples.all,
      samples.none,
    ),
  ];
}
