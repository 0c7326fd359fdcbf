// SPDX-License-Identifier: Apache-2.0
// Small system calls that Node does not offer. execve(2) is in exec.h.
#pragma once

#include <napi.h>

namespace slt {

Napi::Value set_not_dumpable(const Napi::CallbackInfo &info);
Napi::Value clocks(const Napi::CallbackInfo &info);
Napi::Value effective_capabilities(const Napi::CallbackInfo &info);
Napi::Value cgroup_id(const Napi::CallbackInfo &info);

}  // namespace slt
