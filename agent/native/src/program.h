// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <memory>
#include <string>

struct bpf_link;
struct bpf_program;

namespace slt {

class LibbpfCall;
class ObjectHandle;

/** BpfProgram of native.ts. */
class ProgramWrap : public Napi::ObjectWrap<ProgramWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(Napi::Env env, const std::shared_ptr<ObjectHandle> &object, bpf_program *program);

  explicit ProgramWrap(const Napi::CallbackInfo &info);

 private:
  struct Seed {
    std::shared_ptr<ObjectHandle> object;
    bpf_program *program;
  };

  Napi::Value name(const Napi::CallbackInfo &info);
  Napi::Value section(const Napi::CallbackInfo &info);
  Napi::Value set_autoload(const Napi::CallbackInfo &info);
  Napi::Value set_uprobe_multi(const Napi::CallbackInfo &info);
  Napi::Value attach(const Napi::CallbackInfo &info);
  Napi::Value attach_raw_tracepoint(const Napi::CallbackInfo &info);
  Napi::Value attach_tracepoint(const Napi::CallbackInfo &info);
  Napi::Value attach_uprobe(const Napi::CallbackInfo &info);
  Napi::Value attach_uprobe_multi(const Napi::CallbackInfo &info);
  Napi::Value test_run(const Napi::CallbackInfo &info);
  Napi::Value stats(const Napi::CallbackInfo &info);

  /** The descriptor of the loaded program; throws where it was not loaded. */
  int loaded_fd(Napi::Env env, const char *attempt) const;
  /** libbpf's answer to an attempt to attach to `target`, as a BpfLink or as an exception. */
  Napi::Value attached(const LibbpfCall &call, Napi::Env env, bpf_link *link, const std::string &target);

  std::shared_ptr<ObjectHandle> object_;
  bpf_program *program_;
  std::string name_;
  std::string section_;
};

}  // namespace slt
