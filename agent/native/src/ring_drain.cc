// SPDX-License-Identifier: Apache-2.0
#include "ring_drain.h"

#include <bpf/libbpf.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "log.h"

namespace slt {
namespace {

// Reading the clock costs as much as copying a small record: look at it once in so many.
constexpr uint32_t records_per_clock = 64;

// While records come, the ring is looked at this often and no record wakes the thread up: the producer of the first
// record after each look would pay for a wake-up, and this thread for a switch, thousands of times a second. The ring
// has to hold what comes meanwhile: 64 KiB of it at a million records of 32 bytes a second.
constexpr std::chrono::milliseconds pause_under_load{2};

// Each of these counters has one writer: no locked instruction is needed.
void add(std::atomic<uint64_t> &counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

// So many batches waiting, and JavaScript is behind.
constexpr uint32_t batches_of_one_behind = 8;

/** New threads inherit the mask: signals stay with the threads that expect them. */
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked &) = delete;
  AllSignalsBlocked &operator=(const AllSignalsBlocked &) = delete;

 private:
  sigset_t before_;
};

}  // namespace

void RingDrain::FreeRing::operator()(ring_buffer *ring) const { ring_buffer__free(ring); }

RingDrain::RingDrain(const DrainOptions &options, Deliver deliver, Ended ended)
    : options_(options),
      deliver_(std::move(deliver)),
      ended_(std::move(ended)),
      pool_(std::make_shared<BatchPool>(options.batch_bytes)) {}

RingDrain::~RingDrain() {
  abandon();
  join();
}

int RingDrain::start(UniqueFd map, size_t ring_bytes) {
  map_ = std::move(map);
  ring_bytes_ = ring_bytes;
  wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return errno;
  errno = 0;
  ring_.reset(ring_buffer__new(map_.get(), on_record, this, nullptr));
  if (!ring_) return errno;
  const AllSignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error &error) {
    return error.code().value();
  }
  pthread_setname_np(thread_.native_handle(), "slt-ring");
  return 0;
}

void RingDrain::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  wake();
}

void RingDrain::abandon() {
  {
    const std::lock_guard<std::mutex> lock(slots_mutex_);
    abandoned_.store(true, std::memory_order_relaxed);
  }
  slot_freed_.notify_all();
  stop();
}

void RingDrain::join() {
  if (thread_.joinable()) thread_.join();
  // The ring's memory shall not wait for the garbage collector, which may never come.
  ring_.reset();
  map_.reset();
  wake_.reset();
}

void RingDrain::received(const Batch &batch) {
  add(delivered_records_, batch.records());
  add(delivered_bytes_, batch.record_bytes());
  release_slot();
}

DrainStats RingDrain::stats() const {
  // Delivered and dropped first: what they count is in `records` by then.
  const uint64_t delivered_records = delivered_records_.load(std::memory_order_acquire);
  const uint64_t delivered_bytes = delivered_bytes_.load(std::memory_order_acquire);
  const uint64_t dropped_records = dropped_records_.load(std::memory_order_acquire);
  const uint64_t dropped_bytes = dropped_bytes_.load(std::memory_order_acquire);
  DrainStats stats{records_.load(),  bytes_.load(),   delivered_records, delivered_bytes,
                   dropped_records, dropped_bytes, {}};
  for (size_t tag = 0; tag < drain_tags; tag++) stats.dropped_by_tag[tag] = dropped_by_tag_[tag].load();
  return stats;
}

void RingDrain::wake() {
  // Fails only when the counter is full, and then the thread is about to wake up anyway.
  if (wake_.valid()) (void)eventfd_write(wake_.get(), 1);
}

int RingDrain::on_record(void *self, void *data, size_t size) {
  return static_cast<RingDrain *>(self)->take(data, static_cast<uint32_t>(size));
}

void RingDrain::run() {
  // Nobody listens to libbpf's messages on this thread.
  const LogScope silence(false);
  while (!stopping_.load(std::memory_order_relaxed)) {
    wait();
    ring_buffer__consume(ring_.get());
    hand_over_if_old();
  }
  finish();
  ended_();
}

void RingDrain::wait() {
  auto limit = options_.poll_interval;
  pollfd descriptors[] = {{wake_.get(), POLLIN, 0}, {ring_buffer__epoll_fd(ring_.get()), POLLIN, 0}};
  nfds_t watched = 2;
  if (batch_) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - batch_began_);
    limit = std::min(limit, pause_under_load);
    if (age < options_.batch_age) limit = std::min(limit, options_.batch_age - age);
    watched = 1;
  }
  // Interrupted or failed, the answer is the same: consume.
  (void)poll(descriptors, watched, static_cast<int>(limit.count()));
}

// What was in the ring when the end was asked for, no more: producers may go on for ever.
void RingDrain::finish() {
  finishing_ = true;
  finish_bytes_left_ = ring_bytes_;
  if (!abandoned_.load(std::memory_order_relaxed)) ring_buffer__consume(ring_.get());
  if (batch_) hand_over();
}

// libbpf marks the record as consumed in any case; a negative answer only ends the consume.
int RingDrain::take(const void *record, uint32_t size) {
  add(records_, 1);
  add(bytes_, size);
  if (make_room(size)) {
    batch_->append(record, size);
  } else {
    drop(record, size);
  }
  if (finishing_) {
    const size_t in_ring = Batch::framed(size);  // the ring's framing is the same: 8 bytes, and a multiple of 8
    if (in_ring >= finish_bytes_left_) return -ECANCELED;
    finish_bytes_left_ -= in_ring;
    return 0;
  }
  if (++until_clock_ >= records_per_clock) hand_over_if_old();
  return stopping_.load(std::memory_order_relaxed) ? -ECANCELED : 0;
}

bool RingDrain::make_room(uint32_t size) {
  if (batch_ && !batch_->fits(size)) hand_over();
  if (batch_) return true;
  if (!claim_slot()) return false;
  batch_ = pool_->take(size);
  if (!batch_) {
    release_slot();
    return false;
  }
  batch_began_ = Clock::now();
  return true;
}

// In the end the thread waits for JavaScript, which has asked for it; before, it never does.
bool RingDrain::claim_slot() {
  std::unique_lock<std::mutex> lock(slots_mutex_);
  if (finishing_) {
    slot_freed_.wait(lock, [this] { return slots_used_ < options_.queued_batches || abandoned_.load(); });
    if (abandoned_.load()) return false;
  }
  if (slots_used_ >= options_.queued_batches) return false;
  slots_used_++;
  return true;
}

void RingDrain::release_slot() {
  {
    const std::lock_guard<std::mutex> lock(slots_mutex_);
    slots_used_--;
  }
  slot_freed_.notify_one();
}

void RingDrain::hand_over() {
  if (abandoned_.load(std::memory_order_relaxed) || !deliver_(batch_)) {
    batch_->each([this](const void *record, uint32_t size) { drop(record, size); });
    release_slot();
  }
  batch_.reset();
}

void RingDrain::hand_over_if_old() {
  until_clock_ = 0;
  if (batch_ && Clock::now() - batch_began_ >= options_.batch_age && !receiver_is_behind()) hand_over();
}

// Then an old batch is filled up first: what may wait is bounded in batches, and small ones would use that up.
bool RingDrain::receiver_is_behind() {
  const std::lock_guard<std::mutex> lock(slots_mutex_);
  return slots_used_ > batches_of_one_behind;
}

void RingDrain::drop(const void *record, uint32_t size) {
  uint16_t tag;
  if (size >= sizeof(tag)) {
    std::memcpy(&tag, record, sizeof(tag));
    if (tag < drain_tags) add(dropped_by_tag_[tag], 1);
  }
  add(dropped_records_, 1);
  add(dropped_bytes_, size);
}

}  // namespace slt
