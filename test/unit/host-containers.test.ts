import assert from 'node:assert/strict';
import { containerOf } from '../../agent/src/host/containers.js';

const ID = 'ab'.repeat(32);
const POD = '6d3c2f1a-9a4e-4c55-8a9e-1f2b3c4d5e6f';
const SLICE_POD = POD.replaceAll('-', '_');

describe('the container of a process', () => {
  const cases: [name: string, cgroups: string, id: string | undefined, pod: string | undefined][] = [
    ['docker under systemd', `0::/system.slice/docker-${ID}.scope`, ID, undefined],
    ['docker under cgroupfs, v1', `12:cpu,cpuacct:/docker/${ID}\n11:memory:/docker/${ID}`, ID, undefined],
    ['docker with cgroups of its own below', `0::/system.slice/docker-${ID}.scope/init`, ID, undefined],
    [
      'containerd in Kubernetes under systemd',
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${SLICE_POD}.slice/cri-containerd-${ID}.scope`,
      ID,
      POD,
    ],
    ['containerd in Kubernetes under cgroupfs', `0::/kubepods/besteffort/pod${POD}/${ID}`, ID, POD],
    [
      'containerd of Kubernetes in a slice of another name',
      `0::/system.slice/containerd.service/kubepods-pod${SLICE_POD}.slice:cri-containerd:${ID}`,
      ID,
      undefined,
    ],
    ['cri-o', `0::/kubepods.slice/kubepods-pod${SLICE_POD}.slice/crio-${ID}.scope/container`, ID, POD],
    ['podman', `0::/machine.slice/libpod-${ID}.scope/container`, ID, undefined],
    [
      "podman's monitor, which is outside",
      `0::/machine.slice/libpod-conmon-${ID}.scope`,
      undefined,
      undefined,
    ],
    ['a service', '0::/system.slice/nginx.service', undefined, undefined],
    ['a path with fewer digits', `0::/process_api/${ID.slice(0, 32)}`, undefined, undefined],
    ['nothing', '', undefined, undefined],
  ];
  for (const [name, cgroups, id, podUid] of cases) {
    it(`is told for ${name}`, () => assert.deepEqual(containerOf(cgroups), { id, podUid }));
  }
});
