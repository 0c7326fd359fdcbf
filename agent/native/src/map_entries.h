// SPDX-License-Identifier: Apache-2.0
// Many entries of a map in one call, or one by one where the kernel has no
// batch call for the type (which came type by type from 5.6 on).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slt {

/** What the batch calls need to know of a map. */
struct MapShape {
  int fd;
  size_t key_size;
  size_t value_size;  // bytes that a look-up writes
  uint32_t max_entries;
};

struct MapEntries {
  std::vector<uint8_t> keys;
  std::vector<uint8_t> values;
  uint32_t count = 0;
};

/** All keys, back to back. 0 or an errno. */
int read_keys(const MapShape &map, std::vector<uint8_t> &keys);

/** The first `limit` entries. 0 or an errno. */
int read_entries(const MapShape &map, uint32_t limit, MapEntries &entries);

/** 0 or an errno; entries before the one that failed have been written. */
int write_entries(const MapShape &map, const uint8_t *keys, const uint8_t *values, uint32_t count);

}  // namespace slt
