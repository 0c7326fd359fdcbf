import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unlessGone } from '../../agent/src/host/processes.js';

/**
 * The contents of `folder`/ENTRY, or of `folder`/ENTRY/`file`, for each ENTRY of a folder in /proc that is still there
 * when its turn comes: descriptors are closed and threads end while one looks.
 */
export function presentFiles(folder: string, file = ''): string[] {
  return readdirSync(folder).flatMap(
    (entry) => unlessGone(() => readFileSync(join(folder, entry, file), 'utf8')) ?? [],
  );
}
