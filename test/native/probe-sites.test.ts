/** Copies of libslt come and go with containers: the real back end's probes on real copies, in real processes. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { loadObject, type LoadedObject } from '../../agent/src/backend/bpf/load.js';
import { ProbeSites } from '../../agent/src/backend/bpf/probe-sites.js';
import { readHostKernel } from '../../agent/src/host/kernel.js';
import { fileKey, LibraryScan, type FileKey } from '../../agent/src/host/libraries.js';
import { native } from '../../agent/src/native.js';
import { bpfObjectsOf, remaining } from '../helpers/bpf-objects.js';
import { root } from '../helpers/compile.js';
import { endPrograms, Program } from '../helpers/program.js';
import { until } from '../helpers/until.js';
import { requireRoot } from './fixtures.js';

const LIBSLT = join(root, 'build', 'libslt.so');
const NOBODY = new Set<FileKey>();

describe('the probes on copies of libslt', () => {
  let folder: string;
  let loaded: LoadedObject;

  before(requireRoot);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'probe-sites-'));
    const objectPath = join(root, 'build', 'bpf', 'sltagent.bpf.o');
    loaded = loadObject(
      native(),
      { objectPath, kernelMemory: 16 * 2 ** 20, processes: 16 },
      readHostKernel(),
    );
  });
  afterEach(async () => {
    await endPrograms();
    loaded.object.close();
    rmSync(folder, { recursive: true });
  });

  function copy(name: string): string {
    const path = join(folder, name);
    copyFileSync(LIBSLT, path);
    return path;
  }

  function sites(limits: { files?: number; filesOfUser?: number; unusedMs?: number }): ProbeSites {
    return new ProbeSites(loaded.object, loaded.uprobeMulti, {
      files: 10,
      filesOfUser: 10,
      unusedMs: 1000,
      ...limits,
    });
  }

  it('are taken off a copy a while after the last process that maps it has gone', async () => {
    const path = copy('libslt-deployed.so');
    const scan = new LibraryScan();
    const probes = sites({});
    probes.attachOwn(LIBSLT);
    const own = bpfObjectsOf(process.pid).link.length;
    const [first, second] = [0, 1].map(
      () => new Program(['env', `LD_PRELOAD=${path}`, 'sh', '-c', 'echo up; read line']),
    );
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([await first.next(), await second.next()], ['up', 'up']);
    const look = (): string[] =>
      scan
        .find(BigInt(Math.round(uptime() * 1e9)))
        .filter((library) => library.path.includes(folder))
        .map((library) => (probes.attach(library.path, library.uid), `${library.pid} ${library.uid}`));
    assert.deepEqual(look().sort(), [`${first.pid} 0`, `${second.pid} 0`].sort());
    assert.equal(probes.files, 2);
    const attached = bpfObjectsOf(process.pid).link;
    assert.ok(attached.length > own, 'links are made for the copy');

    await first.kill();
    look();
    assert.deepEqual(probes.unused(scan.mapped(), 0), []);
    assert.deepEqual(probes.unused(scan.mapped(), 5000), [], 'the second process maps it');
    await second.kill();
    look();
    assert.deepEqual(probes.unused(scan.mapped(), 6000), []);
    assert.deepEqual(probes.unused(scan.mapped(), 6999), [], 'it may be started again');
    const [key, ...others] = probes.unused(scan.mapped(), 7000);
    assert.ok(key !== undefined && others.length === 0, 'the agent’s own stays');
    assert.ok(!scan.mappedNow().has(key));
    probes.release(key);
    assert.equal(probes.files, 1);
    assert.equal(bpfObjectsOf(process.pid).link.length, own);
    const left = (): number => remaining({ prog: [], map: [], link: attached }).link.length;
    await until(() => left() <= own, 'the links to the copy are gone from the kernel');
    assert.equal(left(), own);

    const third = new Program(['env', `LD_PRELOAD=${path}`, 'sh', '-c', 'echo up; read line']);
    assert.equal(await third.next(), 'up');
    look();
    assert.equal(probes.files, 2, 'mapped again, it is found again');
  });

  it('are found to be in use by a process that has replaced its program since it was looked at', async () => {
    const path = copy('libslt-late.so');
    const scan = new LibraryScan();
    const program = new Program([
      'sh',
      '-c',
      `echo up; read line; LD_PRELOAD=${path} exec sh -c 'echo again; read line'`,
    ]);
    assert.equal(await program.next(), 'up');
    // Long ago: the process is old, and not looked at again.
    const later = BigInt(Math.round((uptime() + 3600) * 1e9));
    scan.find(later);
    program.say('go');
    assert.equal(await program.next(), 'again');
    scan.find(later);
    const key = fileKey(statSync(path));
    assert.ok(!scan.mapped().has(key));
    assert.ok(scan.mappedNow().has(key));
  });

  it('take no more copies of one user than are that one’s share, and count and tell each only once', () => {
    const probes = sites({ files: 5, filesOfUser: 3 });
    const refused = (name: string, uid: number): string => {
      try {
        return String(probes.attach(copy(name), uid));
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => refused(`libslt-${name}.so`, 666)),
      ['true', 'true', 'true', 'ERR_PROBE_FILES'],
    );
    const again = copy('libslt-e.so');
    assert.throws(() => probes.attach(again, 666), { code: 'ERR_PROBE_FILES', message: /of user 666/ });
    assert.equal(probes.attach(again, 666), false);
    assert.equal(probes.refusals, 2);
    assert.equal(probes.attach(again, 1000), true, 'another user has a share of its own');
    assert.equal(refused('libslt-f.so', 1000), 'true');
    assert.equal(refused('libslt-g.so', 1001), 'ERR_PROBE_FILES', 'all together have a bound too');
    assert.equal(probes.files, 5);
    probes.unused(NOBODY, 0);
    for (const key of probes.unused(NOBODY, 1000)) probes.release(key);
    assert.equal(probes.files, 0);
    assert.equal(refused('libslt-g.so', 1001), 'true');
  });

  it('do not count a file that is no libslt', () => {
    const probes = sites({ files: 1 });
    const path = join(folder, 'libslt-not.so');
    writeFileSync(path, 'x');
    assert.throws(() => probes.attach(path, 666));
    assert.equal(probes.attach(path, 666), false);
    assert.equal(probes.files, 0);
    assert.equal(probes.attach(LIBSLT, 1000), true);
  });
});
