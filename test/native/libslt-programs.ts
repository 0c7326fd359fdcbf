/** The C programs around libslt (test/native/c), and libslt itself, as make builds them. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../helpers/compile.js';

/** The environment without what a sanitizer test preloads into node. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { LD_PRELOAD: _, ...env } = process.env;
  return env;
}

/** Brings libslt.so, libslt-asan.so and the test programs up to date. */
export function buildLibslt(): void {
  execFileSync('make', ['--silent', '--no-print-directory', '-C', join(root, 'test', 'native', 'c')], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: plainEnvironment(),
  });
}

export function libslt(variant: '' | '-asan' = ''): string {
  return join(root, 'build', `libslt${variant}.so`);
}

export function libsltProgram(name: string): string {
  return join(root, 'build', 'test', 'libslt', name);
}
