// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstddef>

#include "arguments.h"
#include "environment.h"
#include "error.h"
#include "link.h"
#include "object_handle.h"
#include "uprobe_multi.h"

namespace slt {

Napi::Function ProgramWrap::define(Napi::Env env) {
  return DefineClass(env, "BpfProgram",
                     {
                         InstanceAccessor<&ProgramWrap::name>("name", napi_enumerable),
                         InstanceAccessor<&ProgramWrap::section>("section", napi_enumerable),
                         InstanceMethod<&ProgramWrap::set_autoload>("setAutoload"),
                         InstanceMethod<&ProgramWrap::set_uprobe_multi>("setUprobeMulti"),
                         InstanceMethod<&ProgramWrap::attach>("attach"),
                         InstanceMethod<&ProgramWrap::attach_raw_tracepoint>("attachRawTracepoint"),
                         InstanceMethod<&ProgramWrap::attach_tracepoint>("attachTracepoint"),
                         InstanceMethod<&ProgramWrap::attach_uprobe>("attachUprobe"),
                         InstanceMethod<&ProgramWrap::attach_uprobe_multi>("attachUprobeMulti"),
                         InstanceMethod<&ProgramWrap::test_run>("testRun"),
                         InstanceMethod<&ProgramWrap::stats>("stats"),
                     });
}

Napi::Value ProgramWrap::create(Napi::Env env, const std::shared_ptr<ObjectHandle> &object, bpf_program *program) {
  Seed seed{object, program};
  return Environment::of(env).create(&Environment::program_class, seed);
}

ProgramWrap::ProgramWrap(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  const Seed &seed = seed_of<Seed>(info);
  object_ = seed.object;
  program_ = seed.program;
  name_ = bpf_program__name(program_);
  section_ = bpf_program__section_name(program_);
}

Napi::Value ProgramWrap::name(const Napi::CallbackInfo &info) { return Napi::String::New(info.Env(), name_); }

Napi::Value ProgramWrap::section(const Napi::CallbackInfo &info) { return Napi::String::New(info.Env(), section_); }

Napi::Value ProgramWrap::set_autoload(const Napi::CallbackInfo &info) {
  const bool autoload = boolean_argument(info[0], "load");
  object_->before_load(info.Env(), "setAutoload");
  const int error = bpf_program__set_autoload(program_, autoload);
  if (error != 0) throw_failure(info.Env(), {-error, "setAutoload", "set autoload of program " + name_, {}, {}});
  return info.Env().Undefined();
}

Napi::Value ProgramWrap::set_uprobe_multi(const Napi::CallbackInfo &info) {
  object_->before_load(info.Env(), "setUprobeMulti");
  LibbpfCall call(info.Env());
  int error = bpf_program__set_type(program_, BPF_PROG_TYPE_KPROBE);
  if (error == 0) error = bpf_program__set_expected_attach_type(program_, uprobe_multi_attach_type);
  if (error != 0) {
    throw_failure(info.Env(), {-error, "setUprobeMulti", "set the attach type of program " + name_, call.log().reason(), {}});
  }
  return info.Env().Undefined();
}

Napi::Value ProgramWrap::attach(const Napi::CallbackInfo &info) {
  loaded_fd(info.Env(), "attach");
  LibbpfCall call(info.Env());
  errno = 0;
  return attached(call, info.Env(), bpf_program__attach(program_), section_);
}

Napi::Value ProgramWrap::attach_raw_tracepoint(const Napi::CallbackInfo &info) {
  const std::string tracepoint = string_argument(info[0], "name");
  loaded_fd(info.Env(), "attachRawTracepoint");
  LibbpfCall call(info.Env());
  errno = 0;
  bpf_link *link = bpf_program__attach_raw_tracepoint(program_, tracepoint.c_str());
  return attached(call, info.Env(), link, "raw tracepoint " + tracepoint);
}

Napi::Value ProgramWrap::attach_tracepoint(const Napi::CallbackInfo &info) {
  const std::string category = string_argument(info[0], "category");
  const std::string tracepoint = string_argument(info[1], "name");
  loaded_fd(info.Env(), "attachTracepoint");
  LibbpfCall call(info.Env());
  errno = 0;
  bpf_link *link = bpf_program__attach_tracepoint(program_, category.c_str(), tracepoint.c_str());
  return attached(call, info.Env(), link, "tracepoint " + category + "/" + tracepoint);
}

Napi::Value ProgramWrap::attach_uprobe(const Napi::CallbackInfo &info) {
  const UprobeTarget target = uprobe_target_argument(info[0], "target");
  loaded_fd(info.Env(), "attachUprobe");
  LibbpfCall call(info.Env());
  LIBBPF_OPTS(bpf_uprobe_opts, options);
  options.ref_ctr_offset = target.ref_counter_offset;
  if (!target.symbol.empty()) options.func_name = target.symbol.c_str();
  errno = 0;
  bpf_link *link =
      bpf_program__attach_uprobe_opts(program_, target.pid, target.path.c_str(), target.offset, &options);
  return attached(call, info.Env(), link,
                  target.path + (target.symbol.empty() ? "" : ":" + target.symbol) + "+" + std::to_string(target.offset));
}

Napi::Value ProgramWrap::attach_uprobe_multi(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const std::vector<UprobeTarget> targets = uprobe_targets_argument(info[0], "targets");
  for (const UprobeTarget &target : targets) {
    if (!target.symbol.empty()) throw_argument_range(env, "symbol", "absent: uprobe.multi links know offsets only");
  }
  const int program = loaded_fd(env, "attachUprobeMulti");
  UniqueFd link(create_uprobe_multi_link(program, targets));
  if (!link.valid()) {
    throw_failure(env, {errno, "attach",
                        "attach program " + name_ + " to " + std::to_string(targets.size()) + " places in " +
                            targets.front().path + " by uprobe.multi", {}, {}});
  }
  return LinkWrap::create(env, object_, std::make_unique<Link>(std::move(link)));
}

Napi::Value ProgramWrap::test_run(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const Bytes context = info[0].IsUndefined() ? Bytes{nullptr, 0} : bytes_argument(info[0], "context");
  const int program = loaded_fd(env, "testRun");
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.ctx_in = context.size != 0 ? context.data : nullptr;
  options.ctx_size_in = static_cast<uint32_t>(context.size);
  const int error = bpf_prog_test_run_opts(program, &options);
  if (error != 0) throw_failure(env, {-error, "testRun", "test run of program " + name_, {}, {}});
  return Napi::Number::New(env, options.retval);
}

Napi::Value ProgramWrap::stats(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const int program = loaded_fd(env, "stats");
  bpf_prog_info program_info{};
  uint32_t length = sizeof(program_info);
  const int error = bpf_obj_get_info_by_fd(program, &program_info, &length);
  if (error != 0) throw_failure(env, {-error, "stats", "statistics of program " + name_, {}, {}});
  // The kernel says how much of the structure it knows; recursion_misses came with 5.12.
  const bool counts_misses = length >= offsetof(bpf_prog_info, recursion_misses) + sizeof(program_info.recursion_misses);
  auto answer = Napi::Object::New(env);
  answer.Set("runTimeNs", Napi::BigInt::New(env, static_cast<uint64_t>(program_info.run_time_ns)));
  answer.Set("runCount", Napi::BigInt::New(env, static_cast<uint64_t>(program_info.run_cnt)));
  answer.Set("recursionMisses",
             counts_misses ? Napi::BigInt::New(env, static_cast<uint64_t>(program_info.recursion_misses))
                           : env.Undefined());
  return answer;
}

int ProgramWrap::loaded_fd(Napi::Env env, const char *attempt) const {
  object_->after_load(env, attempt);
  const int fd = bpf_program__fd(program_);
  if (fd < 0) throw_error(env, "ERR_BPF_NOT_LOADED", "program " + name_ + " was not loaded: its autoload is off");
  return fd;
}

Napi::Value ProgramWrap::attached(const LibbpfCall &call, Napi::Env env, bpf_link *link, const std::string &target) {
  if (link == nullptr) {
    throw_failure(env, {errno, "attach", "attach program " + name_ + " to " + target, call.log().reason(), {}});
  }
  return LinkWrap::create(env, object_, std::make_unique<Link>(link));
}

}  // namespace slt
