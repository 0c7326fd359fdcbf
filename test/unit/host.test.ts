import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { elfSymbols } from '../../agent/src/host/elf.js';
import { filterKeys } from '../../agent/src/host/filters.js';
import { readHostKernel } from '../../agent/src/host/kernel.js';
import { findRuntime, LibraryScan } from '../../agent/src/host/libraries.js';
import {
  mappedFiles,
  openablePath,
  otelEnvironment,
  processExecutable,
  processName,
  processStart,
  threadName,
} from '../../agent/src/host/processes.js';
import { root } from '../helpers/compile.js';

const LIBSLT = join(root, 'build', 'libslt.so');
const NO_PROCESS = 4_194_304;

function bootNs(): bigint {
  return BigInt(Math.round(uptime() * 1e9));
}

/** Programs that print a line when they are ready, and wait. */
class Children {
  readonly #started: ChildProcess[] = [];

  async start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], ...env },
    });
    this.#started.push(child);
    await once(child.stdout, 'data');
    assert.ok(child.pid !== undefined);
    return child.pid;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#started.splice(0).map(async (child) => {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }
}

describe('the ELF reader', () => {
  it('finds symbols where nm and readelf find them', () => {
    const names = ['slt_probe_span_end', 'slt_probe_span_end_semaphore'];
    const symbols = elfSymbols(LIBSLT, names);
    const nm = spawnSync('nm', ['-D', '-S', LIBSLT], { encoding: 'utf8' }).stdout;
    for (const name of names) {
      const [, value = '', size = ''] = new RegExp(`^(\\w+) (\\w+) \\w ${name}$`, 'm').exec(nm) ?? [];
      assert.equal(symbols.get(name)?.value, BigInt(`0x${value}`));
      assert.equal(symbols.get(name)?.size, BigInt(`0x${size}`));
    }
  });

  it('gives offsets in the file, where the bytes of the probe site are', () => {
    const site = elfSymbols(LIBSLT, ['slt_probe_process']).get('slt_probe_process');
    assert.ok(site !== undefined);
    const bytes = readFileSync(LIBSLT).subarray(site.fileOffset, site.fileOffset + 17);
    // nop10, nop5, nop1, ret: schemas/wire/probe.h.
    assert.equal(bytes.toString('hex'), '662e0f1f8400000000000f1f44000090c3');
  });

  it('refuses what is no ELF file, and one that is cut short', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sltagent-elf-'));
    try {
      const text = join(folder, 'text');
      writeFileSync(text, 'x'.repeat(100));
      assert.throws(() => elfSymbols(text, []), /not a 64-bit little-endian ELF file/);
      const cut = join(folder, 'cut');
      copyFileSync(LIBSLT, cut);
      truncateSync(cut, 4096);
      assert.throws(() => elfSymbols(cut, ['slt_enabled']), /ends before/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('what /proc tells', () => {
  const children = new Children();
  afterEach(() => children.stop());

  it('of a process that has gone is nothing, and no error', () => {
    for (const read of [processStart, processName, processExecutable, otelEnvironment]) {
      assert.equal(read(NO_PROCESS), undefined, read.name);
    }
    assert.equal(threadName(process.pid, NO_PROCESS), undefined);
    assert.deepEqual(mappedFiles(NO_PROCESS), []);
    assert.deepEqual(findRuntime(NO_PROCESS), { runtime: undefined });
  });

  it('gives the start of a process on the clock since boot, also where its name has brackets and spaces', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sltagent-host-'));
    try {
      const program = join(folder, 'a) R 1 (b');
      copyFileSync('/bin/sh', program);
      const before = bootNs();
      const pid = await children.start(program, ['-c', 'echo up; read line']);
      const start = processStart(pid);
      assert.ok(start !== undefined && start >= before - 20_000_000n && start <= bootNs());
      assert.equal(processName(pid), 'a) R 1 (b');
    } finally {
      await children.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('of an environment keeps two variables, wherever they stand, and no other', async () => {
    const environment = {
      OTEL_SERVICE_NAME: 'first',
      SECRET: 'x',
      NOT_OTEL_SERVICE_NAME: 'y',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b',
    };
    const first = await children.start('/bin/sh', ['-c', 'echo up; read line'], environment);
    assert.deepEqual(otelEnvironment(first), { OTEL_SERVICE_NAME: 'first', OTEL_RESOURCE_ATTRIBUTES: 'a=b' });
    const none = await children.start('/bin/sh', ['-c', 'echo up; read line'], { X_OTEL_SERVICE_NAME: 'y' });
    assert.deepEqual(otelEnvironment(none), {});
  });

  it('gives the files that a process maps, under paths that can be opened', () => {
    const files = mappedFiles(process.pid);
    const libc = files.find(({ path }) => /\/libc\.so/.test(path));
    assert.ok(libc !== undefined);
    assert.equal(statSync(openablePath(process.pid, libc)).ino, libc.inode);
    assert.equal(new Set(files.map(({ path }) => path)).size, files.length);
  });
});

describe('the search for libraries', () => {
  const children = new Children();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sltagent-host-'));
  });
  afterEach(async () => {
    await children.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const startMapping = (library: string) =>
    children.start('python3', [
      '-c',
      `import ctypes; ctypes.CDLL(${JSON.stringify(library)}); print("up", flush=True); input()`,
    ]);

  it('finds a copy of libslt that a process maps', async () => {
    const copy = join(folder, 'libslt-copy.so');
    copyFileSync(LIBSLT, copy);
    const pid = await startMapping(copy);
    const found = new LibraryScan().find(bootNs()).filter((library) => library.pid === pid);
    assert.deepEqual(
      found.map(({ path }) => statSync(path).ino),
      [statSync(copy).ino],
    );
  });

  it('goes on where the path of a mapped library leads through a file in the root of its process', async () => {
    const copy = join(folder, 'libslt.so');
    copyFileSync(LIBSLT, copy);
    const ownRoot = join(folder, 'root');
    mkdirSync(ownRoot);
    const [, first = ''] = copy.split('/');
    writeFileSync(join(ownRoot, first), '');
    const script = `import ctypes, os; ctypes.CDLL(${JSON.stringify(copy)}); os.chroot(${JSON.stringify(ownRoot)}); print("up", flush=True); input()`;
    const pid = await children.start('python3', ['-c', script]);
    assert.throws(() => statSync(`/proc/${pid}/root${copy}`), { code: 'ENOTDIR' });
    const scan = new LibraryScan();
    assert.ok(!scan.find(bootNs()).some((library) => library.pid === pid));
    scan.mappedNow();
  });

  it('finds one that was replaced while it is mapped, and opens the mapped one', async () => {
    const copy = join(folder, 'libslt.so');
    copyFileSync(LIBSLT, copy);
    const { ino } = statSync(copy);
    const pid = await startMapping(copy);
    rmSync(copy);
    writeFileSync(copy, 'another');
    const [found] = new LibraryScan().find(bootNs()).filter((library) => library.pid === pid);
    assert.ok(found !== undefined);
    assert.equal(statSync(found.path).ino, ino);
    assert.ok(elfSymbols(found.path, ['slt_enabled']).has('slt_enabled'));
  });

  it('goes on past processes that it may not look into, and counts them', () => {
    const module = join(root, 'dist', 'agent', 'src', 'host', 'libraries.js');
    const script = `import { LibraryScan } from '${module}'; const scan = new LibraryScan(); scan.find(0n); console.log(scan.hidden);`;
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const words = [...nobody, process.execPath, '--input-type=module', '--eval', script];
    const ended = spawnSync('setpriv', words, { encoding: 'utf8' });
    assert.equal(ended.status, 0, ended.stderr);
    assert.ok(Number(ended.stdout) > 0);
  });

  it("gives where CPython's own state lies: the address that the program itself sees", async () => {
    const script =
      'import ctypes; print(ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")), flush=True); input()';
    const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const found = findRuntime(child.pid ?? 0);
      assert.ok(found.runtime === 'python' && found.words !== undefined);
      assert.equal(found.words.low, BigInt(line.toString().trim()));
      assert.ok(found.words.high - found.words.low > 1_000n);
    } finally {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  });

  it('finds no runtime in a program that has none', () => {
    assert.deepEqual(findRuntime(process.pid), { runtime: undefined });
  });
});

describe('the host', () => {
  it('tells the version of its kernel, as uname does', () => {
    const kernel = readHostKernel();
    assert.equal(`${kernel.release}\n`, spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout);
    assert.ok(kernel.release.startsWith(kernel.version.slice(0, 2).join('.')));
    assert.ok(kernel.pidMax >= 32_768);
  });

  it('turns users into their numbers, and refuses one that does not exist', () => {
    const calls = { cgroupId: () => 7n };
    const { users } = filterKeys({ users: ['nobody', 1000, '65535'], cgroups: [] }, calls);
    assert.deepEqual(
      users.map((key) => Buffer.from(key).readUInt32LE()),
      [65_534, 1000, 65_535],
    );
    assert.throws(
      () => filterKeys({ users: ['no-such-user'], cgroups: [] }, calls),
      /there is no user no-such-user/,
    );
    for (const users of [[2 ** 32 - 1], ['99999999999']]) {
      assert.throws(() => filterKeys({ users, cgroups: [] }, calls), { code: 'ERR_FILTER' });
    }
  });
});
