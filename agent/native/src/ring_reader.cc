// SPDX-License-Identifier: Apache-2.0
#include "ring_reader.h"

#include <bpf/libbpf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "arguments.h"
#include "environment.h"
#include "error.h"
#include "map.h"

namespace slt {
namespace {

constexpr int64_t largest_batch = int64_t{1} << 30;

/** Memory that JavaScript has: goes back to the pool when it is collected. */
struct Lent {
  std::shared_ptr<BatchPool> pool;
  std::unique_ptr<Batch> batch;
};

void take_back(napi_env, void *, void *hint) {
  const std::unique_ptr<Lent> lent(static_cast<Lent *>(hint));
  lent->pool->give_back(std::move(lent->batch));
}

napi_status copied_bytes(napi_env env, Batch &batch, napi_value *buffer) {
  void *memory = nullptr;
  const napi_status status = napi_create_arraybuffer(env, batch.used(), &memory, buffer);
  if (status == napi_ok) std::memcpy(memory, batch.data(), batch.used());
  return status;
}

// A batch that is at least half full is lent without a copy. Others are copied:
// the garbage collector is told of the bytes in use only, and a large buffer
// behind a few of them would grow unseen.
napi_status bytes_of(napi_env env, const std::shared_ptr<BatchPool> &pool, std::unique_ptr<Batch> batch,
                     napi_value *bytes) {
  const size_t used = batch->used();
  napi_value buffer = nullptr;
  napi_status status = napi_no_external_buffers_allowed;
  if (used >= batch->capacity() / 2) {
    auto lent = std::make_unique<Lent>(Lent{pool, std::move(batch)});
    status = napi_create_external_arraybuffer(env, lent->batch->data(), used, take_back, lent.get(), &buffer);
    if (status == napi_ok) {
      (void)lent.release();
    } else {
      batch = std::move(lent->batch);
    }
  }
  if (batch) {
    status = copied_bytes(env, *batch, &buffer);
    pool->give_back(std::move(batch));
  }
  if (status != napi_ok) return status;
  return napi_create_typedarray(env, napi_uint8_array, used, buffer, 0, bytes);
}

int64_t option(const Napi::Object &options, const char *name, int64_t low, int64_t high, int64_t otherwise) {
  const Napi::Value value = options.Get(name);
  return value.IsUndefined() ? otherwise : integer_argument(value, name, low, high);
}

DrainOptions drain_options_argument(const Napi::Value &value) {
  DrainOptions options;
  if (value.IsUndefined()) return options;
  const Napi::Object object = object_argument(value, "options");
  options.batch_bytes = static_cast<size_t>(
      option(object, "batchBytes", 64, largest_batch, static_cast<int64_t>(options.batch_bytes)));
  options.batch_age = std::chrono::milliseconds(option(object, "batchMs", 0, 60'000, options.batch_age.count()));
  options.queued_batches =
      static_cast<uint32_t>(option(object, "queuedBatches", 1, 1'000'000, options.queued_batches));
  options.poll_interval = std::chrono::milliseconds(option(object, "pollMs", 1, 60'000, options.poll_interval.count()));
  return options;
}

}  // namespace

RingReader::RingReader(Napi::Env env, Napi::Function on_batch, const DrainOptions &options, std::string map_name)
    : env_(env),
      on_batch_(Napi::Persistent(on_batch)),
      map_name_(std::move(map_name)),
      drain_(
          options, [this](std::unique_ptr<Batch> &batch) { return send(batch.get()) && (batch.release(), true); },
          [this] { send(nullptr); }) {}

RingReader::~RingReader() {
  drain_.abandon();
  drain_.join();
  if (into_event_loop_ != nullptr) leave_event_loop(napi_tsfn_abort);
}

void RingReader::start(UniqueFd map, size_t ring_bytes) {
  Napi::Env env(env_);
  const Napi::String name = Napi::String::New(env, "sltagent ring buffer " + map_name_);
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, receive,
                                      &into_event_loop_) != napi_ok) {
    throw Napi::Error::New(env);
  }
  // Hooks run last in, first out: ours, which joins the thread, before the one
  // which frees what the thread calls.
  napi_add_env_cleanup_hook(env_, on_environment_end, this);
  take_ = Napi::Persistent(Napi::Function::New(
      env, [](const Napi::CallbackInfo &info) { static_cast<RingReader *>(info.Data())->take(); }, "takeBatch", this));
  set_immediate_ = Napi::Persistent(env.Global().Get("setImmediate").As<Napi::Function>());
  LibbpfCall call(env);
  const int error = drain_.start(std::move(map), ring_bytes);
  if (error != 0) {
    leave_event_loop(napi_tsfn_abort);
    state_ = State::ended;
    throw_failure(env, {error, "drain", "drain map " + map_name_, call.log().reason(), {}});
  }
  Environment::of(env).draining.insert(shared_from_this());
}

Napi::Promise RingReader::close() {
  auto deferred = Napi::Promise::Deferred::New(env_);
  if (state_ == State::ended) {
    deferred.Resolve(Napi::Env(env_).Undefined());
    return deferred.Promise();
  }
  waiting_.push_back(deferred);
  if (state_ == State::draining) drain_.stop();
  state_ = State::closing;
  return deferred.Promise();
}

bool RingReader::send(Batch *batch) {
  // The queue has no bound of its own: the drain's slots are the bound.
  return napi_call_threadsafe_function(into_event_loop_, batch, napi_tsfn_nonblocking) == napi_ok;
}

void RingReader::receive(napi_env env, napi_value, void *self, void *data) {
  std::unique_ptr<Batch> batch(static_cast<Batch *>(data));
  // Without an environment this is its end, and the reader may be gone.
  if (env == nullptr) return;
  auto *reader = static_cast<RingReader *>(self);
  reader->arrived_.push_back(std::move(batch));
  if (reader->arrived_.size() == 1) reader->take_later();
}

// One batch in each turn of the event loop. Node itself would call for up to a thousand in one turn: where JavaScript
// is behind, new ones come as fast as it takes them, and for half a minute nothing else that it waits for would happen.
void RingReader::take_later() {
  const Napi::HandleScope scope(env_);
  napi_value take = take_.Value();
  napi_value global = nullptr;
  // Both fail, and with nobody above to catch an exception, when the environment is about to end: then nobody takes
  // batches any more.
  if (napi_get_global(env_, &global) != napi_ok) return;
  (void)napi_call_function(env_, global, set_immediate_.Value(), 1, &take, nullptr);
}

void RingReader::take() {
  const std::shared_ptr<RingReader> self = shared_from_this();
  std::unique_ptr<Batch> batch = std::move(arrived_.front());
  arrived_.pop_front();
  if (!arrived_.empty()) take_later();
  if (batch) {
    deliver(std::move(batch));
  } else {
    ended();
  }
}

void RingReader::deliver(std::unique_ptr<Batch> batch) {
  drain_.received(*batch);
  napi_value arguments[2] = {nullptr, nullptr};
  napi_value receiver = nullptr;
  const auto records = static_cast<double>(batch->records());
  if (napi_create_double(env_, records, &arguments[1]) != napi_ok ||
      bytes_of(env_, drain_.pool(), std::move(batch), &arguments[0]) != napi_ok ||
      napi_get_undefined(env_, &receiver) != napi_ok ||
      napi_call_function(env_, receiver, on_batch_.Value(), 2, arguments, nullptr) != napi_ok) {
    report_uncaught(env_);
  }
}

void RingReader::ended() {
  drain_.join();
  state_ = State::ended;
  leave_event_loop(napi_tsfn_release);
  for (const Napi::Promise::Deferred &deferred : waiting_) deferred.Resolve(Napi::Env(env_).Undefined());
  waiting_.clear();
  on_batch_.Reset();
  take_.Reset();
  set_immediate_.Reset();
  Environment::of(env_).draining.erase(shared_from_this());
}

void RingReader::on_environment_end(void *self) {
  auto *reader = static_cast<RingReader *>(self);
  reader->drain_.abandon();
  reader->drain_.join();
  reader->state_ = State::ended;
  napi_release_threadsafe_function(std::exchange(reader->into_event_loop_, nullptr), napi_tsfn_abort);
}

void RingReader::leave_event_loop(napi_threadsafe_function_release_mode mode) {
  napi_remove_env_cleanup_hook(env_, on_environment_end, this);
  napi_release_threadsafe_function(std::exchange(into_event_loop_, nullptr), mode);
}

Napi::Function RingReaderWrap::define(Napi::Env env) {
  return DefineClass(env, "RingBufferReader",
                     {
                         InstanceMethod<&RingReaderWrap::close>("close"),
                         InstanceMethod<&RingReaderWrap::stats>("stats"),
                     });
}

Napi::Value RingReaderWrap::drain(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const MapWrap &map = MapWrap::argument(info[0], "map");
  const Napi::Function on_batch = function_argument(info[1], "onBatch");
  const DrainOptions options = drain_options_argument(info[2]);
  if (map.map_type() != BPF_MAP_TYPE_RINGBUF) {
    throw_argument_type(env, "map", "a map of type BPF_MAP_TYPE_RINGBUF");
  }
  // A descriptor of its own: the ring outlives the object's close().
  UniqueFd ring(fcntl(map.fd(env, "drain"), F_DUPFD_CLOEXEC, 0));
  if (!ring.valid()) throw_failure(env, {errno, "drain", "drain map " + map.map_name(), {}, {}});
  Seed seed{std::make_shared<RingReader>(env, on_batch, options, map.map_name())};
  seed.reader->start(std::move(ring), map.entries_limit());
  return Environment::of(env).create(&Environment::reader_class, seed);
}

RingReaderWrap::RingReaderWrap(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  reader_ = seed_of<Seed>(info).reader;
}

Napi::Value RingReaderWrap::close(const Napi::CallbackInfo &) { return reader_->close(); }

Napi::Value RingReaderWrap::stats(const Napi::CallbackInfo &info) {
  const DrainStats stats = reader_->stats();
  auto answer = Napi::Object::New(info.Env());
  const auto put = [&](const char *name, uint64_t value) { answer.Set(name, Napi::BigInt::New(info.Env(), value)); };
  put("records", stats.records);
  put("bytes", stats.bytes);
  put("deliveredRecords", stats.delivered_records);
  put("deliveredBytes", stats.delivered_bytes);
  put("droppedRecords", stats.dropped_records);
  put("droppedBytes", stats.dropped_bytes);
  auto by_tag = Napi::Array::New(info.Env(), drain_tags);
  for (uint32_t tag = 0; tag < drain_tags; tag++) {
    by_tag[tag] = Napi::BigInt::New(info.Env(), stats.dropped_by_tag[tag]);
  }
  answer.Set("droppedByTag", by_tag);
  return answer;
}

}  // namespace slt
