/** A reload of the eBPF back end that the kernel refuses half way. */
import assert from 'node:assert/strict';
import { BpfBackend } from '../../agent/src/backend/bpf/bpf.js';
import { installation } from '../../agent/src/cli/installation.js';
import { native, type BpfObject } from '../../agent/src/native.js';
import { configSchema, MOST_USERS, type Config } from '../../schemas/config/schema.js';
import { requireRoot } from './fixtures.js';

const LISTENER = { batch: () => undefined, warning: () => undefined };

function configured(users: readonly number[], exclude: readonly string[]): Config {
  const config = configSchema.parse({ limits: { kernel_memory: '8MiB' }, syscalls: { exclude } });
  // More users than the schema lets through: what the kernel itself refuses.
  return { ...config, filter: { users: [...users], cgroups: [] } };
}

describe('a reload that fails in the kernel', () => {
  before(requireRoot);

  it('leaves the rules that were there, all of them', async () => {
    const calls = native();
    const opened: BpfObject[] = [];
    const backend = new BpfBackend({
      native: {
        ...calls,
        open: (path) => {
          const object = calls.open(path);
          opened.push(object);
          return object;
        },
      },
      config: configured([4_000_000, 4_000_001], []),
      objectPath: installation.bpfObject,
      libsltPath: installation.libslt,
    });
    await backend.start(LISTENER);
    try {
      const object = opened.at(-1);
      const rules = (): unknown =>
        ['users_allowed', 'control', 'syscalls'].map((name) => {
          const map = object?.map(name);
          const entries = map?.keys().map((key) => [key, map.get(key)].map(String).join(': '));
          return entries?.toSorted();
        });
      const before = rules();
      const tooMany = Array.from({ length: MOST_USERS + 1 }, (_, i) => 5_000_000 + i);
      assert.throws(() => {
        backend.reload(configured(tooMany, ['read']));
      }, /E2BIG|Argument list too long|full/);
      assert.deepEqual(rules(), before);
      backend.reload(configured(tooMany.slice(1), ['read']));
      assert.notDeepEqual(rules(), before);
    } finally {
      await backend.stop();
    }
  });
});
