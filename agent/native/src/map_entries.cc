// SPDX-License-Identifier: Apache-2.0
#include "map_entries.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

namespace slt {
namespace {

// ENOTSUPP (524): no batch call for the type. EINVAL: no batch command in this
// kernel. ENOSPC: a hash bucket holds more than was asked for.
bool try_one_by_one(int error) { return error == 524 || error == EINVAL || error == EOPNOTSUPP || error == ENOSPC; }

int read_by_batch(const MapShape &map, uint32_t limit, MapEntries &entries) {
  // The position in the map: a u32 for hash maps, else a key.
  std::vector<uint8_t> position(std::max<size_t>(map.key_size, sizeof(uint32_t)));
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  const int error = bpf_map_lookup_batch(map.fd, nullptr, position.data(), entries.keys.data(), entries.values.data(),
                                         &entries.count, &options);
  // ENOENT: that was all of it, and count says how much.
  if (error == -ENOENT) return 0;
  // A hash gives whole buckets only, and stops before one that is too large for the rest. Fewer entries than asked for
  // shall always mean that there are no more.
  if (error == 0 && entries.count < limit) return ENOSPC;
  return -error;
}

int read_by_key(const MapShape &map, uint32_t limit, MapEntries &entries) {
  entries.count = 0;
  std::vector<uint8_t> key(map.key_size);
  std::vector<uint8_t> next(map.key_size);
  const void *position = nullptr;
  // Others may delete what we stand on, and the kernel then begins anew: no more steps than the map has entries.
  for (uint32_t step = 0; step < map.max_entries && entries.count < limit; step++) {
    int error = bpf_map_get_next_key(map.fd, position, next.data());
    if (error != 0) return error == -ENOENT ? 0 : -error;
    key.swap(next);
    position = key.data();
    error = bpf_map_lookup_elem(map.fd, key.data(), &entries.values[entries.count * map.value_size]);
    if (error == -ENOENT) continue;
    if (error != 0) return -error;
    std::copy(key.begin(), key.end(), &entries.keys[entries.count * map.key_size]);
    entries.count++;
  }
  return 0;
}

}  // namespace

int read_keys(const MapShape &map, std::vector<uint8_t> &keys) {
  std::vector<uint8_t> next(map.key_size);
  for (uint32_t count = 0; count < map.max_entries; count++) {
    const void *position = count == 0 ? nullptr : &keys[keys.size() - map.key_size];
    const int error = bpf_map_get_next_key(map.fd, position, next.data());
    if (error != 0) return error == -ENOENT ? 0 : -error;
    keys.insert(keys.end(), next.begin(), next.end());
  }
  return 0;
}

int read_entries(const MapShape &map, uint32_t limit, MapEntries &entries) {
  limit = std::min(limit, map.max_entries);
  if (limit == 0) return 0;
  entries.count = limit;
  entries.keys.resize(limit * map.key_size);
  entries.values.resize(limit * map.value_size);
  int error = read_by_batch(map, limit, entries);
  if (try_one_by_one(error)) error = read_by_key(map, limit, entries);
  entries.keys.resize(entries.count * map.key_size);
  entries.values.resize(entries.count * map.value_size);
  return error;
}

int write_entries(const MapShape &map, const uint8_t *keys, const uint8_t *values, uint32_t count) {
  if (count == 0) return 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  uint32_t written = count;
  const int error = -bpf_map_update_batch(map.fd, keys, values, &written, &options);
  if (!try_one_by_one(error)) return error;
  for (uint32_t i = 0; i < count; i++) {
    const int single = bpf_map_update_elem(map.fd, keys + i * map.key_size, values + i * map.value_size, BPF_ANY);
    if (single != 0) return -single;
  }
  return 0;
}

}  // namespace slt
