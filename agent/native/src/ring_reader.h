// SPDX-License-Identifier: Apache-2.0
// A drain with JavaScript at its other end.
#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "ring_drain.h"

namespace slt {

/** Owns the thread and the way into the event loop; lives until the last batch has been received. */
class RingReader : public std::enable_shared_from_this<RingReader> {
 public:
  RingReader(Napi::Env env, Napi::Function on_batch, const DrainOptions &options, std::string map_name);
  ~RingReader();
  RingReader(const RingReader &) = delete;
  RingReader &operator=(const RingReader &) = delete;

  void start(UniqueFd map, size_t ring_bytes);
  Napi::Promise close();
  DrainStats stats() const { return drain_.stats(); }

 private:
  enum class State { draining, closing, ended };

  /** On the drain's thread; null: it has ended. */
  bool send(Batch *batch);
  static void receive(napi_env env, napi_value callback, void *self, void *batch);
  static void on_environment_end(void *self);

  void take_later();
  void take();
  void deliver(std::unique_ptr<Batch> batch);
  void ended();
  void leave_event_loop(napi_threadsafe_function_release_mode mode);

  napi_env env_;
  Napi::FunctionReference on_batch_;
  Napi::FunctionReference take_;
  /** As it was at the start: timers' fakes and other changes of the global object are no business of ours. */
  Napi::FunctionReference set_immediate_;
  const std::string map_name_;
  napi_threadsafe_function into_event_loop_ = nullptr;
  State state_ = State::draining;
  // Of the event loop: what is in here has come and holds its slot; null is the end.
  std::deque<std::unique_ptr<Batch>> arrived_;
  std::vector<Napi::Promise::Deferred> waiting_;
  RingDrain drain_;
};

/** RingBufferReader of native.ts. */
class RingReaderWrap : public Napi::ObjectWrap<RingReaderWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /** Libbpf.drain of native.ts. */
  static Napi::Value drain(const Napi::CallbackInfo &info);

  explicit RingReaderWrap(const Napi::CallbackInfo &info);

 private:
  struct Seed {
    std::shared_ptr<RingReader> reader;
  };

  Napi::Value close(const Napi::CallbackInfo &info);
  Napi::Value stats(const Napi::CallbackInfo &info);

  std::shared_ptr<RingReader> reader_;
};

}  // namespace slt
