/** Interleaved rounds: each round measures every variant once, so that what drifts (clock, neighbours, heat) hits all alike. */

export interface Variant {
  /** Brings the machine into the state that is measured, and measures. Returns e.g. nanoseconds for one operation. */
  measure(): Promise<number>;
}

/** Enough that the interval of a ratio is some ±1 % on a busy machine. */
export const ROUNDS = 61;

/** Samples by variant; those of one index belong to one round. The order rotates, and one round before is thrown away. */
export async function interleave<Name extends string>(
  variants: Readonly<Record<Name, Variant>>,
  rounds = ROUNDS,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(variants) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round + 1) % names.length];
      if (name === undefined) continue;
      const sample = await variants[name].measure();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}
