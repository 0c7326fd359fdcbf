// SPDX-License-Identifier: Apache-2.0
// The thread which empties a BPF ring buffer. It knows nothing of JavaScript.
//
// The ring must be emptied even while JavaScript is busy, for a full ring loses
// records in the kernel. So the thread copies them into batches; only so many
// batches may wait for JavaScript; past that, records are taken from the ring
// and dropped, and counted: records = delivered + dropped. Which ones were
// dropped is told by their tag, the u16 (host order) that many formats begin a
// record with; what it means is the reader's to know.
//
// A producer may ask for no wake-up (BPF_RB_NO_WAKEUP), and then no poll ever
// reports the ring as readable. It is therefore also consumed on a timer.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "batch.h"
#include "unique_fd.h"

struct ring_buffer;

namespace slt {

struct DrainOptions {
  size_t batch_bytes = 256 * 1024;
  std::chrono::milliseconds batch_age{20};
  uint32_t queued_batches = 64;
  std::chrono::milliseconds poll_interval{20};
};

/** Tags from 0 to below this are told apart. */
constexpr size_t drain_tags = 64;

struct DrainStats {
  uint64_t records, bytes;
  uint64_t delivered_records, delivered_bytes;
  uint64_t dropped_records, dropped_bytes;
  /** Of dropped_records; a record with a larger tag, or too short for one, is in none of them. */
  std::array<uint64_t, drain_tags> dropped_by_tag;
};

class RingDrain {
 public:
  /** Called on the thread: one filled batch. False, and the batch is left where it was, when nobody takes batches any more. */
  using Deliver = std::function<bool(std::unique_ptr<Batch> &)>;
  /** Called on the thread, as the last thing it does. */
  using Ended = std::function<void()>;

  RingDrain(const DrainOptions &options, Deliver deliver, Ended ended);
  ~RingDrain();
  RingDrain(const RingDrain &) = delete;
  RingDrain &operator=(const RingDrain &) = delete;

  /** Starts the thread on a ring of `ring_bytes`. 0 or an errno. */
  int start(UniqueFd map, size_t ring_bytes);
  /** Asks the thread to take what the ring holds now, to wait until that has been received, and to end. */
  void stop();
  /** Asks the thread to end at once; what it holds is dropped. */
  void abandon();
  /** Waits for the thread's end and lets the ring go. */
  void join();

  /** The receiver has this batch now: another may be filled. */
  void received(const Batch &batch);
  DrainStats stats() const;
  const std::shared_ptr<BatchPool> &pool() const { return pool_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct FreeRing {
    void operator()(ring_buffer *ring) const;
  };

  static int on_record(void *self, void *data, size_t size);

  void run();
  void wait();
  void finish();
  int take(const void *record, uint32_t size);
  bool make_room(uint32_t size);
  bool claim_slot();
  void release_slot();
  void hand_over();
  void hand_over_if_old();
  bool receiver_is_behind();
  void drop(const void *record, uint32_t size);
  void wake();

  const DrainOptions options_;
  const Deliver deliver_;
  const Ended ended_;
  const std::shared_ptr<BatchPool> pool_;

  UniqueFd map_;
  UniqueFd wake_;
  std::unique_ptr<ring_buffer, FreeRing> ring_;
  std::thread thread_;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> abandoned_{false};

  // The thread's own.
  std::unique_ptr<Batch> batch_;
  Clock::time_point batch_began_;
  uint32_t until_clock_ = 0;
  bool finishing_ = false;
  size_t finish_bytes_left_ = 0;
  size_t ring_bytes_ = 0;

  std::mutex slots_mutex_;
  std::condition_variable slot_freed_;
  uint32_t slots_used_ = 0;  // batches that are filled, wait, or are on their way

  std::atomic<uint64_t> records_{0}, bytes_{0};
  std::atomic<uint64_t> delivered_records_{0}, delivered_bytes_{0};
  std::atomic<uint64_t> dropped_records_{0}, dropped_bytes_{0};
  std::array<std::atomic<uint64_t>, drain_tags> dropped_by_tag_{};
};

}  // namespace slt
