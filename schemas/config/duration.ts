/** Durations as people write them ("50ms", "1.5s"), in nanoseconds as bigint inside. */

const NS_PER_UNIT = new Map<string, bigint>([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

/** What parseDuration accepts, also handed out as the pattern of the JSON schema. */
export const DURATION_PATTERN = /^(\d{1,15})(?:\.(\d{1,9}))?(ns|us|µs|ms|s|m|h)$/;

/** Nanoseconds, rounded down; undefined where the text is not a duration. */
export function parseDuration(text: string): bigint | undefined {
  const match = DURATION_PATTERN.exec(text);
  const unit = NS_PER_UNIT.get(match?.[3] ?? '');
  if (match === null || unit === undefined) {
    return undefined;
  }
  const fraction = match[2] ?? '';
  return (BigInt(`${match[1]}${fraction}`) * unit) / 10n ** BigInt(fraction.length);
}

/** The shortest text that parseDuration turns into the same number; the unit is the largest one with a whole number, so 1.5 s prints as 1500ms. */
export function formatDuration(ns: bigint): string {
  for (const unit of ['h', 'm', 's', 'ms', 'us']) {
    const size = NS_PER_UNIT.get(unit) ?? 1n;
    if (ns !== 0n && ns % size === 0n) {
      return `${ns / size}${unit}`;
    }
  }
  return ns === 0n ? '0s' : `${ns}ns`;
}
