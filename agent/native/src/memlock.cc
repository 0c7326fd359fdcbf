// SPDX-License-Identifier: Apache-2.0
#include "memlock.h"

#include <bpf/libbpf.h>
#include <sys/resource.h>

namespace slt {

void raise_memlock_limit_where_bpf_counts() {
  // bpf_ktime_get_coarse_ns came with the same release, and says which kind of kernel this is.
  if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SOCKET_FILTER, BPF_FUNC_ktime_get_coarse_ns, nullptr) != 0) return;
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return;
  // Without CAP_SYS_RESOURCE the hard limit is the end.
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_MEMLOCK, &limit);
}

}  // namespace slt
