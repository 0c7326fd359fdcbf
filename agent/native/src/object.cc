// SPDX-License-Identifier: Apache-2.0
#include "object.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "arguments.h"
#include "environment.h"
#include "error.h"
#include "global_variable.h"
#include "map.h"
#include "memlock.h"
#include "program.h"

namespace slt {

Napi::Function ObjectWrap::define(Napi::Env env) {
  return DefineClass(env, "BpfObject",
                     {
                         InstanceMethod<&ObjectWrap::set_rodata>("setRodata"),
                         InstanceMethod<&ObjectWrap::set_max_entries>("setMaxEntries"),
                         InstanceMethod<&ObjectWrap::set_autocreate>("setAutocreate"),
                         InstanceMethod<&ObjectWrap::load>("load"),
                         InstanceMethod<&ObjectWrap::program>("program"),
                         InstanceMethod<&ObjectWrap::programs>("programs"),
                         InstanceMethod<&ObjectWrap::map>("map"),
                         InstanceMethod<&ObjectWrap::maps>("maps"),
                         InstanceMethod<&ObjectWrap::variable>("variable"),
                         InstanceMethod<&ObjectWrap::close>("close"),
                     });
}

Napi::Value ObjectWrap::open(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const std::string path = string_argument(info[0], "path");
  LibbpfCall call(env);
  errno = 0;
  bpf_object *object = bpf_object__open_file(path.c_str(), nullptr);
  if (object == nullptr) throw_failure(env, {errno, "open", "open " + path, call.log().reason(), {}});
  Seed seed{std::make_shared<ObjectHandle>(object, path)};
  return Environment::of(env).create(&Environment::object_class, seed);
}

ObjectWrap::ObjectWrap(const Napi::CallbackInfo &info) : Napi::ObjectWrap<ObjectWrap>(info) {
  handle_ = seed_of<Seed>(info).handle;
}

Napi::Value ObjectWrap::set_rodata(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const std::string name = string_argument(info[0], "variable");
  const Bytes value = bytes_argument(info[1], "value");
  bpf_object *object = handle_->before_load(env, "setRodata");
  const std::optional<GlobalVariable> variable = find_variable(object, name);
  if (!variable || variable->section.rfind(".rodata", 0) != 0) {
    throw_error(env, "ERR_BPF_NOT_FOUND", handle_->path() + " has no const volatile variable " + name);
  }
  size_t size = 0;
  auto *memory = static_cast<uint8_t *>(
      const_cast<void *>(bpf_map__initial_value(find_map(env, object, variable->section), &size)));
  if (memory == nullptr || variable->offset + variable->size > size) {
    throw_error(env, "ERR_BPF_FORMAT", handle_->path() + ": " + variable->section + " does not hold " + name);
  }
  if (value.size != variable->size) {
    throw_argument_range(env, "value",
                         std::to_string(variable->size) + " bytes for " + name + ", not " + std::to_string(value.size));
  }
  std::memcpy(memory + variable->offset, value.data, value.size);
  return env.Undefined();
}

Napi::Value ObjectWrap::set_max_entries(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const std::string name = string_argument(info[0], "map");
  const auto entries =
      static_cast<uint32_t>(integer_argument(info[1], "entries", 0, std::numeric_limits<uint32_t>::max()));
  bpf_map *map = find_map(env, handle_->before_load(env, "setMaxEntries"), name);
  LibbpfCall call(env);
  const int error = bpf_map__set_max_entries(map, entries);
  if (error != 0) throw_failure(env, {-error, "setMaxEntries", "set the size of map " + name, call.log().reason(), {}});
  return env.Undefined();
}

Napi::Value ObjectWrap::set_autocreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const std::string name = string_argument(info[0], "map");
  const bool create = boolean_argument(info[1], "create");
  bpf_map *map = find_map(env, handle_->before_load(env, "setAutocreate"), name);
  LibbpfCall call(env);
  const int error = bpf_map__set_autocreate(map, create);
  if (error != 0) throw_failure(env, {-error, "setAutocreate", "set autocreate of map " + name, call.log().reason(), {}});
  return env.Undefined();
}

Napi::Value ObjectWrap::load(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  bpf_object *object = handle_->before_load(env, "load");
  LibbpfCall call(env);
  raise_memlock_limit_where_bpf_counts();
  const int error = bpf_object__load(object);
  handle_->set_loaded(error == 0);
  if (error != 0) {
    throw_failure(env, {-error, "load", "load " + handle_->path(), call.log().reason(), call.log().verifier_log()});
  }
  return env.Undefined();
}

Napi::Value ObjectWrap::program(const Napi::CallbackInfo &info) {
  const std::string name = string_argument(info[0], "name");
  bpf_program *program = bpf_object__find_program_by_name(handle_->usable(info.Env()), name.c_str());
  if (program == nullptr) throw_error(info.Env(), "ERR_BPF_NOT_FOUND", handle_->path() + " has no program " + name);
  return ProgramWrap::create(info.Env(), handle_, program);
}

Napi::Value ObjectWrap::programs(const Napi::CallbackInfo &info) {
  const bpf_object *object = handle_->usable(info.Env());
  auto list = Napi::Array::New(info.Env());
  bpf_program *program = nullptr;
  uint32_t count = 0;
  while ((program = bpf_object__next_program(object, program)) != nullptr) {
    list.Set(count++, ProgramWrap::create(info.Env(), handle_, program));
  }
  return list;
}

Napi::Value ObjectWrap::map(const Napi::CallbackInfo &info) {
  const std::string name = string_argument(info[0], "name");
  return MapWrap::create(info.Env(), handle_, find_map(info.Env(), handle_->usable(info.Env()), name));
}

Napi::Value ObjectWrap::maps(const Napi::CallbackInfo &info) {
  const bpf_object *object = handle_->usable(info.Env());
  auto list = Napi::Array::New(info.Env());
  bpf_map *map = nullptr;
  uint32_t count = 0;
  while ((map = bpf_object__next_map(object, map)) != nullptr) {
    list.Set(count++, MapWrap::create(info.Env(), handle_, map));
  }
  return list;
}

Napi::Value ObjectWrap::variable(const Napi::CallbackInfo &info) {
  const std::string name = string_argument(info[0], "name");
  const std::optional<GlobalVariable> variable = find_variable(handle_->usable(info.Env()), name);
  if (!variable) throw_error(info.Env(), "ERR_BPF_NOT_FOUND", handle_->path() + " has no global variable " + name);
  auto answer = Napi::Object::New(info.Env());
  answer.Set("map", variable->section);
  answer.Set("offset", static_cast<double>(variable->offset));
  answer.Set("size", static_cast<double>(variable->size));
  return answer;
}

Napi::Value ObjectWrap::close(const Napi::CallbackInfo &info) {
  handle_->close();
  Environment::of(info.Env()).attached.erase(handle_);
  return info.Env().Undefined();
}

bpf_map *ObjectWrap::find_map(Napi::Env env, const bpf_object *object, const std::string &name) const {
  bpf_map *map = bpf_object__find_map_by_name(object, name.c_str());
  if (map == nullptr) throw_error(env, "ERR_BPF_NOT_FOUND", handle_->path() + " has no map " + name);
  return map;
}

}  // namespace slt
