/**
 * Runs every test: `npm test [-- PATTERN]`. Each file has a mocha of its own, one
 * after the other: they attach to the whole host, and one that hangs or dies must not take the rest with it. The last line counts them all.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const root = join(folder, '..', '..');

/**
 * A whole file may take this long: the first use of the Collector builds it. A single test has mocha's limit below, which is
 * there for one that hangs: a slow machine must not come near it.
 */
const FILE_MS = 1_800_000;
const TEST_MS = '300000';

/** Compiled tests whose source is there still: dist/ keeps what was deleted. */
function testFiles(room: string): string[] {
  if (!existsSync(room)) return [];
  return readdirSync(room, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(room, name))
    .filter((file) => existsSync(join(root, 'test', relative(folder, file)).replace(/\.js$/, '.ts')))
    .sort();
}

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** The parts of mocha's JSON report that are read. */
interface Report {
  stats: { passes: number; pending: number; failures: number };
  failures: { fullTitle: string; err: { message?: string; stack?: string } }[];
  pending: { fullTitle: string }[];
}

function runFile(file: string, output: string): Promise<number | null> {
  return new Promise((resolve) => {
    const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const child = spawn(
      process.execPath,
      [mocha, '--timeout', TEST_MS, '--reporter', 'json', '--reporter-option', `output=${output}`, file],
      { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_MS);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve(status);
    });
  });
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    // Mocha did not come to its end; its exit status is told instead.
    return undefined;
  }
}

function tell(name: string, report: Report | undefined, status: number | null, seconds: string): Count {
  if (report === undefined) {
    console.log(
      `✗ ${name}: ended with status ${status ?? 'by a signal'} after ${seconds} s, before its report`,
    );
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const { passes, pending, failures } = report.stats;
  const died = status !== 0 && failures === 0;
  console.log(
    `${failures > 0 || died ? '✗' : '✓'} ${name}: ${passes} passed, ${failures} failed, ${pending} skipped (${seconds} s)`,
  );
  for (const { fullTitle } of report.pending) console.log(`    skipped: ${fullTitle}`);
  for (const { fullTitle, err } of report.failures) {
    console.log(`    failed: ${fullTitle}\n${(err.stack ?? err.message ?? '').replace(/^/gm, '      ')}`);
  }
  if (died) console.log(`    mocha ended with status ${status ?? 'by a signal'}`);
  return { passed: passes, failed: failures + (died ? 1 : 0), skipped: pending };
}

async function main(pattern: string): Promise<void> {
  const files = ['unit', 'property', 'native', 'integration', 'vm']
    .flatMap((room) => testFiles(join(folder, room)))
    .filter((file) => file.includes(pattern));
  const scratch = mkdtempSync(join(tmpdir(), 'sltagent-test-'));
  const sum: Count = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const [index, file] of files.entries()) {
      const output = join(scratch, `${index}.json`);
      const started = performance.now();
      const status = await runFile(file, output);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const count = tell(relative(folder, file).replace(/\.js$/, '.ts'), readReport(output), status, seconds);
      sum.passed += count.passed;
      sum.failed += count.failed;
      sum.skipped += count.skipped;
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  if (files.length === 0) {
    console.log(`no test file matches ${pattern}`);
    sum.failed++;
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
}

await main(process.argv[2] ?? '');
