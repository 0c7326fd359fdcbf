// SPDX-License-Identifier: Apache-2.0
#include "uprobe_multi.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>

#include "arguments.h"
#include "error.h"

namespace slt {
namespace {

// File offsets beyond this are not whole numbers in JavaScript.
constexpr int64_t largest_offset = (int64_t{1} << 53) - 1;

// The part of `union bpf_attr` that BPF_LINK_CREATE reads for uprobe.multi, as
// include/uapi/linux/bpf.h of 6.6 lays it out.
struct UprobeMultiAttributes {
  uint32_t program;
  uint32_t target;
  uint32_t attach_type;
  uint32_t link_flags;
  uint64_t path;
  uint64_t offsets;
  uint64_t ref_counter_offsets;
  uint64_t cookies;
  uint32_t count;
  uint32_t flags;
  uint32_t pid;
  uint32_t padding;
};
static_assert(offsetof(UprobeMultiAttributes, path) == 16 && offsetof(UprobeMultiAttributes, count) == 48 &&
              sizeof(UprobeMultiAttributes) == 64);

uint64_t address(const void *pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace

UprobeTarget uprobe_target_argument(const Napi::Value &value, const char *name) {
  const Napi::Object object = object_argument(value, name);
  UprobeTarget target;
  target.path = string_argument(object.Get("path"), "path");
  target.offset = static_cast<uint64_t>(integer_argument(object.Get("offset"), "offset", 0, largest_offset));
  const Napi::Value symbol = object.Get("symbol");
  if (!symbol.IsUndefined()) target.symbol = string_argument(symbol, "symbol");
  const Napi::Value counter = object.Get("refCounterOffset");
  if (!counter.IsUndefined()) {
    target.ref_counter_offset = static_cast<uint64_t>(integer_argument(counter, "refCounterOffset", 0, largest_offset));
  }
  const Napi::Value pid = object.Get("pid");
  if (!pid.IsUndefined()) {
    target.pid = static_cast<pid_t>(integer_argument(pid, "pid", -1, std::numeric_limits<pid_t>::max()));
    // 0 means "myself" to one of the kernel's calls and "everybody" to the other.
    if (target.pid == 0) throw_argument_range(value.Env(), "pid", "-1 or the number of a process");
  }
  return target;
}

std::vector<UprobeTarget> uprobe_targets_argument(const Napi::Value &value, const char *name) {
  if (!value.IsArray()) throw_argument_type(value.Env(), name, "an array of targets");
  const auto array = value.As<Napi::Array>();
  std::vector<UprobeTarget> targets;
  for (uint32_t i = 0; i < array.Length(); i++) targets.push_back(uprobe_target_argument(array.Get(i), name));
  if (targets.empty()) throw_argument_range(value.Env(), name, "at least one target");
  const UprobeTarget &first = targets.front();
  if (!std::all_of(targets.begin(), targets.end(), [&first](const UprobeTarget &target) {
        return target.path == first.path && target.pid == first.pid;
      })) {
    throw_argument_range(value.Env(), name, "targets in one file and for one process");
  }
  return targets;
}

int create_uprobe_multi_link(int program, const std::vector<UprobeTarget> &targets) {
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> counters;
  for (const UprobeTarget &target : targets) {
    offsets.push_back(target.offset);
    counters.push_back(target.ref_counter_offset);
  }
  UprobeMultiAttributes attributes{};
  attributes.program = static_cast<uint32_t>(program);
  attributes.attach_type = uprobe_multi_attach_type;
  attributes.path = address(targets.front().path.c_str());
  attributes.offsets = address(offsets.data());
  attributes.ref_counter_offsets = address(counters.data());
  attributes.count = static_cast<uint32_t>(targets.size());
  attributes.pid = targets.front().pid < 0 ? 0 : static_cast<uint32_t>(targets.front().pid);
  return static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes)));
}

}  // namespace slt
