// SPDX-License-Identifier: Apache-2.0
// What one JavaScript environment (the main thread, or a worker) has of the
// addon. There is nothing outside of it but the print function of log.cc.
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <set>
#include <utility>

#include "log.h"

namespace slt {

class ObjectHandle;
class RingReader;

struct Environment {
  explicit Environment(Napi::Env env);

  static Environment &of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  /** Makes an object of one of the classes below; its constructor finds `seed` by seed_of(). */
  template <typename Seed>
  Napi::Object create(Napi::FunctionReference Environment::*of_class, Seed &seed) {
    seed_ = &seed;
    return (this->*of_class).New({});
  }
  /** The seed of the object that is being constructed, once; null where JavaScript called the constructor. */
  void *take_seed() { return std::exchange(seed_, nullptr); }

  Napi::FunctionReference object_class;
  Napi::FunctionReference program_class;
  Napi::FunctionReference map_class;
  Napi::FunctionReference link_class;
  Napi::FunctionReference reader_class;

  Napi::FunctionReference log_listener;

  /** Objects with attachments: these last until detach() or close(), not until a garbage collection. */
  std::set<std::shared_ptr<ObjectHandle>> attached;
  /** Readers whose thread runs. */
  std::set<std::shared_ptr<RingReader>> draining;

  /**
   * File status flags of descriptors 0, 1 and 2 as they were when the addon was loaded; negative: not open. libuv makes
   * them non-blocking once a stream is used, and whoever shares the open file with us notices that too.
   */
  std::array<int, 3> standard_streams;

 private:
  void *seed_ = nullptr;
};

/** A call into libbpf on behalf of JavaScript: its messages reach the environment's listener when it is over. */
class LibbpfCall {
 public:
  explicit LibbpfCall(Napi::Env env);
  ~LibbpfCall();
  LibbpfCall(const LibbpfCall &) = delete;
  LibbpfCall &operator=(const LibbpfCall &) = delete;

  const LogScope &log() const { return log_; }

 private:
  void tell_listener();

  Napi::Env env_;
  LogScope log_;
};

/** Ends in the process's (or the worker's) 'uncaughtException', as an exception in any other callback does. */
void report_uncaught(napi_env env);

/** What a class's constructor was given by our own create(); throws where JavaScript called it. */
template <typename Seed>
Seed &seed_of(const Napi::CallbackInfo &info) {
  void *seed = Environment::of(info.Env()).take_seed();
  if (seed == nullptr) throw Napi::TypeError::New(info.Env(), "Illegal constructor");
  return *static_cast<Seed *>(seed);
}

}  // namespace slt
