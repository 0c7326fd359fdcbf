// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <memory>

#include "object_handle.h"

struct bpf_map;

namespace slt {

/** BpfObject of native.ts. */
class ObjectWrap : public Napi::ObjectWrap<ObjectWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /** Libbpf.open of native.ts. */
  static Napi::Value open(const Napi::CallbackInfo &info);

  explicit ObjectWrap(const Napi::CallbackInfo &info);

 private:
  struct Seed {
    std::shared_ptr<ObjectHandle> handle;
  };

  Napi::Value set_rodata(const Napi::CallbackInfo &info);
  Napi::Value set_max_entries(const Napi::CallbackInfo &info);
  Napi::Value set_autocreate(const Napi::CallbackInfo &info);
  Napi::Value load(const Napi::CallbackInfo &info);
  Napi::Value program(const Napi::CallbackInfo &info);
  Napi::Value programs(const Napi::CallbackInfo &info);
  Napi::Value map(const Napi::CallbackInfo &info);
  Napi::Value maps(const Napi::CallbackInfo &info);
  Napi::Value variable(const Napi::CallbackInfo &info);
  Napi::Value close(const Napi::CallbackInfo &info);

  bpf_map *find_map(Napi::Env env, const bpf_object *object, const std::string &name) const;

  std::shared_ptr<ObjectHandle> handle_;
};

}  // namespace slt
