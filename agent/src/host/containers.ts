/** Which container a process is in, from its cgroups. */

export interface Container {
  /** The runtime's id: 64 hexadecimal digits. */
  readonly id: string | undefined;
  /** The uid of its Kubernetes pod. */
  readonly podUid: string | undefined;
}

/**
 * The last path element names the container: `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`,
 * `libpod-ID.scope` under systemd, the bare ID or `…:cri-containerd:ID` under cgroupfs. A path may go on below it.
 * The monitors conmon are in a scope of the same id and belong to no container.
 */
const ID =
  /(?:^|\/)(?:(?!libpod-conmon-|crio-conmon-)[a-z-]+-|[^/]*:cri-containerd:)?([0-9a-f]{64})(?:\.scope)?(?:\/|$)/;

/** `pod` and a uid, with underscores in the slices of systemd, where a dash would be a level. */
const POD = /[/-]pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})(?:\.slice)?(?:\/|$)/;

/** `cgroups`: the text of /proc/PID/cgroup (cgroups(7)), lines of `hierarchy:controllers:path`. */
export function containerOf(cgroups: string): Container {
  const paths = cgroups.split('\n').map((line) => line.replace(/^\d+:[^:]*:/, ''));
  const first = (pattern: RegExp) =>
    paths.map((path) => pattern.exec(path)?.[1]).find((found) => found !== undefined);
  return { id: first(ID), podUid: first(POD)?.replaceAll('_', '-') };
}
