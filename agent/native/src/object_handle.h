// SPDX-License-Identifier: Apache-2.0
// A BPF object file on its way from open to close, without any JavaScript. All
// wrappers of its programs, maps and links share it.
#pragma once

#include <napi.h>

#include <memory>
#include <set>
#include <string>

#include "link.h"

struct bpf_object;

namespace slt {

class ObjectHandle {
 public:
  enum class State { open, loaded, failed, closed };

  /** Takes the object over. `path` is what the user called it by. */
  ObjectHandle(bpf_object *object, std::string path);
  ~ObjectHandle();
  ObjectHandle(const ObjectHandle &) = delete;
  ObjectHandle &operator=(const ObjectHandle &) = delete;

  const std::string &path() const { return path_; }
  State state() const { return state_; }

  /** The object in any state in which it may be looked at; throws ERR_BPF_CLOSED, ERR_BPF_LOAD_FAILED. */
  bpf_object *usable(Napi::Env env) const;
  /** … before load; throws ERR_BPF_LOADED too. */
  bpf_object *before_load(Napi::Env env, const char *attempt) const;
  /** … after load; throws ERR_BPF_NOT_LOADED too. */
  bpf_object *after_load(Napi::Env env, const char *attempt) const;

  void set_loaded(bool success) { state_ = success ? State::loaded : State::failed; }

  std::shared_ptr<Link> adopt(std::unique_ptr<Link> link);
  void forget(const std::shared_ptr<Link> &link) { links_.erase(link); }
  bool attached() const { return !links_.empty(); }

  /** Detaches all links and frees the object. Idempotent. */
  void close() noexcept;

 private:
  bpf_object *object_;
  const std::string path_;
  State state_ = State::open;
  std::set<std::shared_ptr<Link>> links_;
};

}  // namespace slt
