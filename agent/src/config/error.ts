/** The error that a configuration is refused with. Apart from its finder, so that who only reports it need not load the schema. */

export interface ConfigProblem {
  /** `FILE:LINE:COLUMN`, the name of a variable, or a flag. */
  readonly where: string;
  /** The key, for example `rules[0].threshold`; empty where the problem is of no key, or `where` has named it already. */
  readonly key: string;
  /** What was expected, and what stands there. */
  readonly message: string;
}

/** Every problem that was found, not only the first. */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG';
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(
      problems
        .map(({ where, key, message }) => [where, key, message].filter((part) => part !== '').join(': '))
        .join('\n'),
    );
  }
}
