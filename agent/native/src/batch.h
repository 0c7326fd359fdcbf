// SPDX-License-Identifier: Apache-2.0
// Batches of records on their way from the ring to JavaScript, and their memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

namespace slt {

/** Records back to back: u32 length in host order, 4 bytes of padding, the bytes, padded to a multiple of 8. */
class Batch {
 public:
  /** Null when there is no memory. */
  static std::unique_ptr<Batch> allocate(size_t capacity);
  /** Bytes that a record of `size` takes in a batch. */
  static constexpr size_t framed(size_t size) { return header_bytes + (size + 7) / 8 * 8; }

  bool fits(size_t size) const { return used_ + framed(size) <= capacity_; }
  void append(const void *record, uint32_t size);
  void clear();

  /** Calls visit(bytes, size) for each record. */
  template <typename Visit>
  void each(const Visit &visit) const;

  uint8_t *data() { return memory_.get(); }
  size_t used() const { return used_; }
  size_t capacity() const { return capacity_; }
  uint64_t records() const { return records_; }
  /** Bytes of the records themselves. */
  uint64_t record_bytes() const { return record_bytes_; }

 private:
  static constexpr size_t header_bytes = 8;

  Batch(std::unique_ptr<uint8_t[]> memory, size_t capacity) : memory_(std::move(memory)), capacity_(capacity) {}

  std::unique_ptr<uint8_t[]> memory_;
  size_t capacity_;
  size_t used_ = 0;
  uint64_t records_ = 0;
  uint64_t record_bytes_ = 0;
};

template <typename Visit>
void Batch::each(const Visit &visit) const {
  for (size_t at = 0; at < used_;) {
    uint32_t size;
    std::memcpy(&size, memory_.get() + at, sizeof(size));
    visit(memory_.get() + at + header_bytes, size);
    at += framed(size);
  }
}

/** Keeps some empty batches, so that a steady stream needs no new memory. Used by the thread and by finalizers. */
class BatchPool {
 public:
  explicit BatchPool(size_t capacity) : capacity_(capacity) {}

  /** An empty batch with room for a record of `size` bytes; null when there is no memory. */
  std::unique_ptr<Batch> take(size_t size);
  void give_back(std::unique_ptr<Batch> batch);

 private:
  static constexpr size_t most_spare = 8;

  const size_t capacity_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Batch>> spare_;
};

}  // namespace slt
