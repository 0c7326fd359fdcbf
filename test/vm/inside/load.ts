/** The BPF object loads on this kernel, by the agent's own loader, and all that it would attach can be attached. */
import assert from 'node:assert/strict';

import { loadObject, PROBES, type LoadedObject } from '../../../agent/src/backend/bpf/load.js';
import { installation } from '../../../agent/src/cli/installation.js';
import { readHostKernel } from '../../../agent/src/host/kernel.js';
import { native } from '../../../agent/src/native.js';
import { configSchema } from '../../../schemas/config/schema.js';
import { kernelIsAtLeast } from '../../helpers/kernel.js';

/** Returns what was loaded, in words. */
export function loadAndAttach(): string {
  const kernel = readHostKernel();
  const { limits } = configSchema.parse({});
  const loaded = loadObject(
    native(),
    { objectPath: installation.bpfObject, kernelMemory: limits.kernel_memory, processes: limits.processes },
    kernel,
  );
  try {
    const names = loaded.object.programs().map(({ name }) => name);
    const tracepoints = [...loaded.scheduling, ...loaded.calls];
    for (const name of [...PROBES, ...tracepoints])
      assert.ok(names.includes(name), `${name} is in the object`);
    for (const name of tracepoints) loaded.object.program(name).attach();
    expectWhatThisKernelHas(loaded);
    return [`attached ${tracepoints.join(', ')}`, ...loaded.notes].join('; ');
  } finally {
    loaded.object.close();
  }
}

/** A probe that answers no where the kernel is new enough is our mistake, and would go unseen: the agent works without. */
function expectWhatThisKernelHas(loaded: LoadedObject): void {
  assert.equal(loaded.switchBringsState, kernelIsAtLeast(5, 18), 'the state of a switch came with 5.18');
  assert.equal(loaded.uprobeMulti, kernelIsAtLeast(6, 6), 'uprobe.multi came with 6.6');
  assert.equal(
    loaded.calls.includes('syscall_exit_classic'),
    kernelIsAtLeast(7, 0),
    'classic tracepoints from 7.0',
  );
}
