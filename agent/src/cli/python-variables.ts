/** The variables by which a Python service takes part. They do nothing to a program that is not Python's. */
import { installation } from './installation.js';

export const PYTHON_CONTEXT = 'OTEL_PYTHON_CONTEXT';
export const SLT_CONTEXT = 'slt';

/** Values that choose the context which OpenTelemetry takes anyway. Ours is the same one, followed. */
const DEFAULT_CONTEXTS: readonly (string | undefined)[] = [undefined, '', 'contextvars_context'];

export interface PythonVariables {
  readonly variables: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * Of a program that runs with -I or -E, which then gets none of the variables: OpenTelemetry would look for our context,
 * not find it, and log that.
 */
export const IGNORES_PYTHON_PATH =
  'this program ignores PYTHONPATH (python -I or -E) and so does not take part';

/** Ours goes before the user's own PYTHONPATH, which is kept. */
export function pythonVariables(environment: Readonly<Record<string, string | undefined>>): PythonVariables {
  const chosen = environment[PYTHON_CONTEXT];
  if (chosen !== SLT_CONTEXT && !DEFAULT_CONTEXTS.includes(chosen)) {
    const warning = `${PYTHON_CONTEXT} is already ${chosen} and is left as it is: a Python program started here does not take part`;
    return { variables: {}, warnings: [warning] };
  }
  const others = (environment['PYTHONPATH'] ?? '')
    .split(':')
    .filter((folder) => folder !== '' && folder !== installation.pythonSite);
  return {
    variables: { PYTHONPATH: [installation.pythonSite, ...others].join(':'), [PYTHON_CONTEXT]: SLT_CONTEXT },
    warnings: [],
  };
}
