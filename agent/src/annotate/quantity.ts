/** Quantities as words for people. */

/** 183.1 ms; below a millisecond whole microseconds. */
export function duration(ns: number): string {
  return ns > 0 && ns < 1e6 ? `${Math.floor(ns / 1e3)} µs` : milliseconds(ns);
}

/** 183.1 ms: rounded down, so that no part is larger than its whole. */
export function milliseconds(ns: number): string {
  return `${tenths(ns)} ms`;
}

/** 183.1, in milliseconds. */
export function tenths(ns: number): string {
  return (Math.floor(ns / 1e5) / 10).toFixed(1);
}

/** 5,000 */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
