// SPDX-License-Identifier: Apache-2.0
#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <vector>

#include "arguments.h"
#include "environment.h"
#include "error.h"
#include "map_entries.h"
#include "object_handle.h"

namespace slt {
namespace {

// Tells a BpfMap from every other object, whatever its prototype says.
constexpr napi_type_tag map_tag = {0x5d0b0c1e6f7a4c11, 0x9a52b1de03f84e27};

constexpr size_t round_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

bool is_per_cpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

struct Mapping {
  void *memory;
  size_t size;
};

void unmap(Napi::Env, void *, Mapping *mapping) {
  munmap(mapping->memory, mapping->size);
  delete mapping;
}

}  // namespace

Napi::Function MapWrap::define(Napi::Env env) {
  return DefineClass(env, "BpfMap",
                     {
                         InstanceAccessor<&MapWrap::name>("name", napi_enumerable),
                         InstanceAccessor<&MapWrap::type>("type", napi_enumerable),
                         InstanceAccessor<&MapWrap::key_size>("keySize", napi_enumerable),
                         InstanceAccessor<&MapWrap::value_size>("valueSize", napi_enumerable),
                         InstanceAccessor<&MapWrap::max_entries>("maxEntries", napi_enumerable),
                         InstanceMethod<&MapWrap::get>("get"),
                         InstanceMethod<&MapWrap::set>("set"),
                         InstanceMethod<&MapWrap::remove>("delete"),
                         InstanceMethod<&MapWrap::push>("push"),
                         InstanceMethod<&MapWrap::keys>("keys"),
                         InstanceMethod<&MapWrap::get_batch>("getBatch"),
                         InstanceMethod<&MapWrap::set_batch>("setBatch"),
                         InstanceMethod<&MapWrap::mmap>("mmap"),
                     });
}

Napi::Value MapWrap::create(Napi::Env env, const std::shared_ptr<ObjectHandle> &object, bpf_map *map) {
  Seed seed{object, map};
  return Environment::of(env).create(&Environment::map_class, seed);
}

MapWrap &MapWrap::argument(const Napi::Value &value, const char *name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&map_tag)) {
    throw_argument_type(value.Env(), name, "a BpfMap");
  }
  return *Unwrap(value.As<Napi::Object>());
}

MapWrap::MapWrap(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  const Seed &seed = seed_of<Seed>(info);
  object_ = seed.object;
  map_ = seed.map;
  name_ = bpf_map__name(map_);
  type_ = bpf_map__type(map_);
  key_size_ = bpf_map__key_size(map_);
  value_size_ = bpf_map__value_size(map_);
  info.This().As<Napi::Object>().TypeTag(&map_tag);
}

int MapWrap::fd(Napi::Env env, const char *attempt) const {
  object_->after_load(env, attempt);
  const int fd = bpf_map__fd(map_);
  if (fd < 0) throw_error(env, "ERR_BPF_NOT_LOADED", "map " + name_ + " was not created: its autocreate is off");
  return fd;
}

uint32_t MapWrap::entries_limit() const { return bpf_map__max_entries(map_); }

Napi::Value MapWrap::name(const Napi::CallbackInfo &info) { return Napi::String::New(info.Env(), name_); }

Napi::Value MapWrap::type(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), type_); }

Napi::Value MapWrap::key_size(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), key_size_); }

Napi::Value MapWrap::value_size(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), value_size_); }

Napi::Value MapWrap::max_entries(const Napi::CallbackInfo &info) {
  object_->usable(info.Env());
  return Napi::Number::New(info.Env(), entries_limit());
}

Napi::Value MapWrap::get(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const Bytes key = bytes_argument(info[0], "key", key_size_);
  const int map = fd(env, "get");
  auto value = Napi::Uint8Array::New(env, transfer_size(env));
  const int error = bpf_map_lookup_elem(map, key.data, value.Data());
  if (error == -ENOENT) return env.Undefined();
  if (error != 0) fail(env, -error, "get");
  return value;
}

Napi::Value MapWrap::set(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const Bytes key = bytes_argument(info[0], "key", key_size_);
  const Bytes value = bytes_argument(info[1], "value", transfer_size(env));
  constexpr int64_t most = std::numeric_limits<uint32_t>::max();
  const int64_t flags = info[2].IsUndefined() ? int64_t{BPF_ANY} : integer_argument(info[2], "flags", 0, most);
  const int error = bpf_map_update_elem(fd(env, "set"), key.data, value.data, static_cast<uint64_t>(flags));
  if (error != 0) fail(env, -error, "set");
  return env.Undefined();
}

Napi::Value MapWrap::remove(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const Bytes key = bytes_argument(info[0], "key", key_size_);
  const int error = bpf_map_delete_elem(fd(env, "delete"), key.data);
  if (error != 0 && error != -ENOENT) fail(env, -error, "delete");
  return Napi::Boolean::New(env, error == 0);
}

Napi::Value MapWrap::push(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const Bytes value = bytes_argument(info[0], "value", value_size_);
  const int error = bpf_map_update_elem(fd(env, "push"), nullptr, value.data, BPF_ANY);
  if (error != 0) fail(env, -error, "push");
  return env.Undefined();
}

Napi::Value MapWrap::keys(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  std::vector<uint8_t> keys;
  const int error = read_keys({fd(env, "keys"), key_size_, transfer_size(env), entries_limit()}, keys);
  if (error != 0) fail(env, error, "keys");
  auto list = Napi::Array::New(env);
  for (size_t i = 0; i * key_size_ < keys.size(); i++) {
    list.Set(static_cast<uint32_t>(i), copy_to_javascript(env, &keys[i * key_size_], key_size_));
  }
  return list;
}

Napi::Value MapWrap::get_batch(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const auto limit = static_cast<uint32_t>(integer_argument(info[0], "count", 0, std::numeric_limits<uint32_t>::max()));
  MapEntries entries;
  const int error = read_entries({fd(env, "getBatch"), key_size_, transfer_size(env), entries_limit()}, limit, entries);
  if (error != 0) fail(env, error, "getBatch");
  auto answer = Napi::Object::New(env);
  answer.Set("keys", copy_to_javascript(env, entries.keys.data(), entries.keys.size()));
  answer.Set("values", copy_to_javascript(env, entries.values.data(), entries.values.size()));
  answer.Set("count", entries.count);
  return answer;
}

Napi::Value MapWrap::set_batch(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const size_t size = transfer_size(env);
  const auto count = static_cast<uint32_t>(integer_argument(info[2], "count", 0, std::numeric_limits<uint32_t>::max()));
  const Bytes keys = bytes_argument(info[0], "keys", count * static_cast<size_t>(key_size_));
  const Bytes values = bytes_argument(info[1], "values", count * size);
  const int error = write_entries({fd(env, "setBatch"), key_size_, size, entries_limit()}, keys.data, values.data, count);
  if (error != 0) fail(env, error, "setBatch");
  return env.Undefined();
}

Napi::Value MapWrap::mmap(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const int map = fd(env, "mmap");
  const size_t used = round_up(value_size_, 8) * entries_limit();
  const size_t size = round_up(used, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  void *memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED && (errno == EPERM || errno == EACCES)) {
    // A frozen map (.rodata) can be mapped for reading only, and a store of
    // JavaScript's into such a mapping would be a SIGSEGV. It does not change
    // any more: a copy is as good.
    memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, map, 0);
    if (memory == MAP_FAILED) fail(env, errno, "mmap");
    auto copy = copy_to_javascript(env, memory, used);
    munmap(memory, size);
    return copy;
  }
  if (memory == MAP_FAILED) fail(env, errno, "mmap");
  // The mapping holds the map: it outlives the object's close().
  auto buffer = Napi::ArrayBuffer::New(env, memory, used, unmap, new Mapping{memory, size});
  return Napi::Uint8Array::New(env, used, buffer, 0);
}

size_t MapWrap::transfer_size(Napi::Env env) const {
  if (!is_per_cpu(type_)) return value_size_;
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) throw_failure(env, {-cpus, "possibleCpus", "count the possible CPUs", {}, {}});
  return round_up(value_size_, 8) * static_cast<size_t>(cpus);
}

void MapWrap::fail(Napi::Env env, int error, const char *attempt) const {
  throw_failure(env, {error, attempt, std::string(attempt) + " on map " + name_, {}, {}});
}

}  // namespace slt
