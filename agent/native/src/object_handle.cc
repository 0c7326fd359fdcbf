// SPDX-License-Identifier: Apache-2.0
#include "object_handle.h"

#include <bpf/libbpf.h>

#include "error.h"
#include "log.h"

namespace slt {

ObjectHandle::ObjectHandle(bpf_object *object, std::string path) : object_(object), path_(std::move(path)) {}

ObjectHandle::~ObjectHandle() { close(); }

bpf_object *ObjectHandle::usable(Napi::Env env) const {
  if (state_ == State::closed) throw_error(env, "ERR_BPF_CLOSED", path_ + " is closed");
  if (state_ == State::failed) {
    throw_error(env, "ERR_BPF_LOAD_FAILED", path_ + " could not be loaded: it can only be closed");
  }
  return object_;
}

bpf_object *ObjectHandle::before_load(Napi::Env env, const char *attempt) const {
  bpf_object *object = usable(env);
  if (state_ == State::loaded) throw_error(env, "ERR_BPF_LOADED", path_ + " is loaded: too late for " + attempt);
  return object;
}

bpf_object *ObjectHandle::after_load(Napi::Env env, const char *attempt) const {
  bpf_object *object = usable(env);
  if (state_ == State::open) throw_error(env, "ERR_BPF_NOT_LOADED", path_ + " is not loaded: too early for " + attempt);
  return object;
}

std::shared_ptr<Link> ObjectHandle::adopt(std::unique_ptr<Link> link) {
  std::shared_ptr<Link> shared = std::move(link);
  links_.insert(shared);
  return shared;
}

void ObjectHandle::close() noexcept {
  if (state_ == State::closed) return;
  // Nobody waits for what libbpf says now: this may be a garbage collection.
  LogScope silence(false);
  for (const std::shared_ptr<Link> &link : links_) link->detach();
  links_.clear();
  bpf_object__close(object_);
  object_ = nullptr;
  state_ = State::closed;
}

}  // namespace slt
