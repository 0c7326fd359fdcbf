// SPDX-License-Identifier: Apache-2.0
// Uprobes: where to, and the uprobe.multi link, which libbpf 1.1 does not know.
#pragma once

#include <bpf/libbpf.h>
#include <napi.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace slt {

/** UprobeTarget of native.ts. */
struct UprobeTarget {
  std::string path;
  uint64_t offset = 0;
  uint64_t ref_counter_offset = 0;
  pid_t pid = -1;
  std::string symbol = {};  // empty: offset is that of the file
};

UprobeTarget uprobe_target_argument(const Napi::Value &value, const char *name);
/** At least one, and all of one file and one process. */
std::vector<UprobeTarget> uprobe_targets_argument(const Napi::Value &value, const char *name);

/** BPF_TRACE_UPROBE_MULTI (Linux 6.6), not yet in the headers of Debian 12. */
constexpr auto uprobe_multi_attach_type = static_cast<bpf_attach_type>(48);

/** The link's descriptor, or -1 with errno. */
int create_uprobe_multi_link(int program, const std::vector<UprobeTarget> &targets);

}  // namespace slt
