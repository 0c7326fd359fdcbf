// SPDX-License-Identifier: Apache-2.0
#include "batch.h"

#include <algorithm>
#include <new>

namespace slt {

std::unique_ptr<Batch> Batch::allocate(size_t capacity) {
  // Not value-initialised: each byte that is handed over is written by append().
  std::unique_ptr<uint8_t[]> memory(new (std::nothrow) uint8_t[capacity]);
  if (!memory) return nullptr;
  return std::unique_ptr<Batch>(new (std::nothrow) Batch(std::move(memory), capacity));
}

void Batch::append(const void *record, uint32_t size) {
  uint8_t *const to = memory_.get() + used_;
  const uint64_t header = 0;
  std::memcpy(to, &header, sizeof(header));
  std::memcpy(to, &size, sizeof(size));
  const size_t total = framed(size);
  // The padding is inside the last eight bytes.
  if (size % 8 != 0) std::memset(to + total - 8, 0, 8);
  std::memcpy(to + header_bytes, record, size);
  used_ += total;
  records_ += 1;
  record_bytes_ += size;
}

void Batch::clear() {
  used_ = 0;
  records_ = 0;
  record_bytes_ = 0;
}

std::unique_ptr<Batch> BatchPool::take(size_t size) {
  // A record that is larger than a whole batch gets one of its own.
  if (Batch::framed(size) > capacity_) return Batch::allocate(Batch::framed(size));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!spare_.empty()) {
      std::unique_ptr<Batch> batch = std::move(spare_.back());
      spare_.pop_back();
      return batch;
    }
  }
  return Batch::allocate(capacity_);
}

void BatchPool::give_back(std::unique_ptr<Batch> batch) {
  if (batch->capacity() != capacity_) return;
  batch->clear();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (spare_.size() < most_spare) spare_.push_back(std::move(batch));
}

}  // namespace slt
