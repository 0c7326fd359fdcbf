/** How long to wait before a back end that did not answer is asked again. */

export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * Doubles with each failure in a row, from 1, up to the bound; then somewhere in the upper half of it, so that many
 * agents which lost the same back end do not come back together. `random` is in [0, 1).
 */
export function backoffMs({ firstMs, mostMs }: Backoff, failures: number, random: number): number {
  const whole = Math.min(mostMs, firstMs * 2 ** (failures - 1));
  return whole * (0.5 + random / 2);
}
