/** Reads the per-CPU counters of the kernel side (enum slt_counter). */
import type { BpfMap } from '../../native.js';
import { Counter } from '../../wire/layout.js';

/** As they are shown: `spans_started`, `drop.span_ring_full`. */
function shown(name: string): string {
  return name.startsWith('DROP_')
    ? `drop.${name.slice(5).toLowerCase()}`
    : name.slice('COUNT_'.length).toLowerCase();
}

const COUNTERS = Object.entries(Counter)
  .filter(([name]) => name !== 'COUNTERS' && name !== 'COUNT_DROPS')
  .map(([name, index]) => [shown(name), index] as const);

export function readCounters(map: BpfMap): Map<string, bigint> {
  const key = Buffer.alloc(4);
  return new Map(
    COUNTERS.map(([name, index]) => {
      key.writeUInt32LE(index);
      const perCpu = map.get(key);
      let sum = 0n;
      if (perCpu !== undefined) {
        const view = new DataView(perCpu.buffer, perCpu.byteOffset, perCpu.byteLength);
        for (let at = 0; at < perCpu.byteLength; at += 8) sum += view.getBigUint64(at, true);
      }
      return [name, sum];
    }),
  );
}
