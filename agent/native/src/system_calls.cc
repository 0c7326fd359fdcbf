// SPDX-License-Identifier: Apache-2.0
#include "system_calls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "arguments.h"
#include "error.h"

namespace slt {
namespace {

int64_t now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct ClockPair {
  int64_t monotonic;
  int64_t realtime;
  int64_t uncertainty;
};

// The realtime clock between two readings of the monotonic one; of some tries
// the one that was least disturbed.
ClockPair read_clocks() {
  constexpr int tries = 16;
  ClockPair best{0, 0, INT64_MAX};
  for (int i = 0; i < tries; i++) {
    const int64_t before = now(CLOCK_MONOTONIC);
    const int64_t realtime = now(CLOCK_REALTIME);
    const int64_t after = now(CLOCK_MONOTONIC);
    const int64_t uncertainty = (after - before + 1) / 2;
    if (uncertainty < best.uncertainty) best = {before + (after - before) / 2, realtime, uncertainty};
  }
  return best;
}

}  // namespace

Napi::Value set_not_dumpable(const Napi::CallbackInfo &info) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    throw_failure(info.Env(), {errno, "prctl", "set this process not dumpable", {}, {}});
  }
  return info.Env().Undefined();
}

Napi::Value clocks(const Napi::CallbackInfo &info) {
  const ClockPair pair = read_clocks();
  auto answer = Napi::Object::New(info.Env());
  answer.Set("monotonicNs", Napi::BigInt::New(info.Env(), pair.monotonic));
  answer.Set("realtimeNs", Napi::BigInt::New(info.Env(), pair.realtime));
  answer.Set("uncertaintyNs", Napi::BigInt::New(info.Env(), pair.uncertainty));
  return answer;
}

Napi::Value effective_capabilities(const Napi::CallbackInfo &info) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  // glibc has no wrapper, and libcap is not worth its dependency.
  if (syscall(SYS_capget, &header, data) != 0) {
    throw_failure(info.Env(), {errno, "capget", "read the capabilities of this process", {}, {}});
  }
  return Napi::BigInt::New(info.Env(), uint64_t{data[1].effective} << 32 | data[0].effective);
}

Napi::Value cgroup_id(const Napi::CallbackInfo &info) {
  const std::string path = string_argument(info[0], "path");
  struct statfs file_system {};
  if (statfs(path.c_str(), &file_system) != 0) {
    throw_failure(info.Env(), {errno, "statfs", "cgroup id of " + path, {}, {}});
  }
  if (file_system.f_type != CGROUP2_SUPER_MAGIC) {
    throw_failure(info.Env(), {EINVAL, "name_to_handle_at", "cgroup id of " + path, "not in a cgroup v2 hierarchy", {}});
  }
  // kernfs hands out its node's id, which is the cgroup's id, as an 8 byte handle.
  uint64_t id = 0;
  union {
    file_handle handle;
    char bytes[sizeof(file_handle) + sizeof(id)];
  } answer{};
  answer.handle.handle_bytes = sizeof(id);
  int mount = 0;
  if (name_to_handle_at(AT_FDCWD, path.c_str(), &answer.handle, &mount, 0) != 0) {
    throw_failure(info.Env(), {errno, "name_to_handle_at", "cgroup id of " + path, {}, {}});
  }
  std::memcpy(&id, answer.bytes + sizeof(file_handle), sizeof(id));
  return Napi::BigInt::New(info.Env(), id);
}

}  // namespace slt
