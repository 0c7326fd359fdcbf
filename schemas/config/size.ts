/** Sizes of memory as people write them ("64MiB"), in bytes inside. Powers of two only: 64MB would leave open which megabyte is meant. */

const BYTES_PER_UNIT = new Map<string, number>([
  ['B', 1],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
]);

export const SIZE_PATTERN = /^(\d{1,12})(?:\.(\d{1,3}))?(B|KiB|MiB|GiB)$/;

/** Whole bytes, rounded down; undefined where the text is not a size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text);
  const unit = BYTES_PER_UNIT.get(match?.[3] ?? '');
  if (match === null || unit === undefined) {
    return undefined;
  }
  return Math.floor(Number(`${match[1]}.${match[2] ?? '0'}`) * unit);
}

/** The shortest text that parseSize turns into the same number. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB']) {
    const size = BYTES_PER_UNIT.get(unit) ?? 1;
    if (bytes !== 0 && bytes % size === 0) {
      return `${bytes / size}${unit}`;
    }
  }
  return `${bytes}B`;
}
