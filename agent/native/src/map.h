// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct bpf_map;

namespace slt {

class ObjectHandle;

/** BpfMap of native.ts. */
class MapWrap : public Napi::ObjectWrap<MapWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(Napi::Env env, const std::shared_ptr<ObjectHandle> &object, bpf_map *map);
  /** The map behind an argument; throws a TypeError for anything else. */
  static MapWrap &argument(const Napi::Value &value, const char *name);

  explicit MapWrap(const Napi::CallbackInfo &info);

  /** The descriptor of the map; throws where it was not created. */
  int fd(Napi::Env env, const char *attempt) const;
  const std::string &map_name() const { return name_; }
  uint32_t map_type() const { return type_; }
  uint32_t entries_limit() const;

 private:
  struct Seed {
    std::shared_ptr<ObjectHandle> object;
    bpf_map *map;
  };

  Napi::Value name(const Napi::CallbackInfo &info);
  Napi::Value type(const Napi::CallbackInfo &info);
  Napi::Value key_size(const Napi::CallbackInfo &info);
  Napi::Value value_size(const Napi::CallbackInfo &info);
  Napi::Value max_entries(const Napi::CallbackInfo &info);
  Napi::Value get(const Napi::CallbackInfo &info);
  Napi::Value set(const Napi::CallbackInfo &info);
  Napi::Value remove(const Napi::CallbackInfo &info);
  Napi::Value push(const Napi::CallbackInfo &info);
  Napi::Value keys(const Napi::CallbackInfo &info);
  Napi::Value get_batch(const Napi::CallbackInfo &info);
  Napi::Value set_batch(const Napi::CallbackInfo &info);
  Napi::Value mmap(const Napi::CallbackInfo &info);

  /** Bytes that a look-up writes: for a per-CPU map one value for each possible CPU. */
  size_t transfer_size(Napi::Env env) const;
  [[noreturn]] void fail(Napi::Env env, int error, const char *attempt) const;

  std::shared_ptr<ObjectHandle> object_;
  bpf_map *map_;
  std::string name_;
  uint32_t type_;
  uint32_t key_size_;
  uint32_t value_size_;
};

}  // namespace slt
