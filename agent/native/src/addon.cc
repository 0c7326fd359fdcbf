// SPDX-License-Identifier: Apache-2.0
// What the addon exports: interface Native of agent/src/native.ts.

#include <bpf/libbpf.h>
#include <napi.h>

#include "arguments.h"
#include "environment.h"
#include "exec.h"
#include "features.h"
#include "log.h"
#include "object.h"
#include "ring_reader.h"
#include "system_calls.h"

namespace slt {
namespace {

Napi::Value set_log(const Napi::CallbackInfo &info) {
  Environment &environment = Environment::of(info.Env());
  if (info[0].IsUndefined()) {
    environment.log_listener.Reset();
  } else {
    environment.log_listener = Napi::Persistent(function_argument(info[0], "listener"));
  }
  return info.Env().Undefined();
}

template <Napi::Value (*function)(const Napi::CallbackInfo &)>
void offer(Napi::Object &exports, const char *name) {
  exports.Set(name, Napi::Function::New<function>(exports.Env(), name));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  install_log();
  env.SetInstanceData(new Environment(env));
  offer<libbpf_version>(exports, "libbpfVersion");
  offer<ObjectWrap::open>(exports, "open");
  offer<RingReaderWrap::drain>(exports, "drain");
  offer<probe_program_type>(exports, "probeProgramType");
  offer<probe_map_type>(exports, "probeMapType");
  offer<probe_helper>(exports, "probeHelper");
  offer<probe_uprobe_multi>(exports, "probeUprobeMulti");
  offer<possible_cpus>(exports, "possibleCpus");
  offer<set_log>(exports, "setLog");
  offer<exec>(exports, "execve");
  offer<set_not_dumpable>(exports, "setNotDumpable");
  offer<clocks>(exports, "clocks");
  offer<effective_capabilities>(exports, "effectiveCapabilities");
  offer<cgroup_id>(exports, "cgroupId");
  return exports;
}

}  // namespace

NODE_API_MODULE(sltagent, initialise)

}  // namespace slt
