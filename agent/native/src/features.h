// SPDX-License-Identifier: Apache-2.0
// What the running kernel can do: "yes", "no", or "unknown" where the question could not be put.
#pragma once

#include <napi.h>

namespace slt {

Napi::Value probe_program_type(const Napi::CallbackInfo &info);
Napi::Value probe_map_type(const Napi::CallbackInfo &info);
Napi::Value probe_helper(const Napi::CallbackInfo &info);
Napi::Value probe_uprobe_multi(const Napi::CallbackInfo &info);
Napi::Value possible_cpus(const Napi::CallbackInfo &info);
Napi::Value libbpf_version(const Napi::CallbackInfo &info);

}  // namespace slt
