/** Writes docs/evidence.md. With --check: only compares, exit status 1 where it is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePage } from './reference.js';

// This file runs as dist/schemas/evidence/generate.js.
const target = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'docs', 'evidence.md');

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== referencePage()) {
    console.error(`${target} is out of date: run \`node dist/schemas/evidence/generate.js\` and commit it`);
    process.exit(1);
  }
} else {
  writeFileSync(target, referencePage());
}
