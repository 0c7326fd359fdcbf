/** What the agent counts of itself: how often, by reason. Nothing that goes wrong is silent, and not everything is worth a log line. */

export class Counters<Name extends string = string> {
  readonly #counts = new Map<Name, bigint>();

  add(name: Name, count: number | bigint = 1): void {
    this.#counts.set(name, this.get(name) + BigInt(count));
  }

  get(name: Name): bigint {
    return this.#counts.get(name) ?? 0n;
  }

  /** Those that were ever counted, by name. */
  snapshot(): Record<string, bigint> {
    return Object.fromEntries([...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1)));
  }
}
