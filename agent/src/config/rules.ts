/** Which threshold holds for an operation of a service, and which capture for the service. */
import type { Config } from '../../../schemas/config/schema.js';

export interface Thresholds {
  /** Nanoseconds: of the first rule that matches both names, else the general threshold. */
  of(service: string, operation: string): bigint;
  /** Nanoseconds: the lowest that any operation of the service can have, which holds for names that no table knows yet. */
  lowestOf(service: string): bigint;
}

export type CaptureSetting = Config['capture'];

/** The capture of a service: of the first rule that matches and names one, else the general one. */
export function captures({
  capture,
  rules,
}: Pick<Config, 'capture' | 'rules'>): (service: string) => CaptureSetting {
  const compiled = rules.flatMap((rule) =>
    rule.capture === undefined ? [] : [{ service: glob(rule.service ?? '*'), capture: rule.capture }],
  );
  return (service) => compiled.find((rule) => rule.service.test(service))?.capture ?? capture;
}

export function thresholds({ threshold, rules }: Pick<Config, 'threshold' | 'rules'>): Thresholds {
  const compiled = rules.flatMap((rule) =>
    rule.threshold === undefined
      ? []
      : [
          {
            service: glob(rule.service ?? '*'),
            operation: glob(rule.operation ?? '*'),
            ofEveryOperation: /^\*+$/.test(rule.operation ?? '*'),
            threshold: rule.threshold,
          },
        ],
  );
  return {
    of: (service, operation) =>
      compiled.find((rule) => rule.service.test(service) && rule.operation.test(operation))?.threshold ??
      threshold,
    lowestOf: (service) => {
      const matching = compiled.filter((rule) => rule.service.test(service));
      const last = matching.findIndex((rule) => rule.ofEveryOperation);
      const reachable = last === -1 ? matching : matching.slice(0, last + 1);
      const values = reachable.map((rule) => rule.threshold);
      const all = last === -1 ? [...values, threshold] : values;
      return all.reduce((lowest, value) => (value < lowest ? value : lowest));
    },
  };
}

/** `*` stands for any characters, `?` for one; everything else for itself. Names of operations often hold braces and brackets. */
export function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 'su');
}
