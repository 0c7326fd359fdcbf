// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <memory>

#include "unique_fd.h"

struct bpf_link;

namespace slt {

struct Environment;
class ObjectHandle;

/** An attachment: libbpf's, or a link that we made ourselves, which is its file descriptor. */
class Link {
 public:
  explicit Link(bpf_link *link) : link_(link) {}
  explicit Link(UniqueFd fd) : fd_(std::move(fd)) {}
  ~Link() { detach(); }
  Link(const Link &) = delete;
  Link &operator=(const Link &) = delete;

  /** 0, or the errno of an attempt that has nevertheless freed everything. Idempotent. */
  int detach() noexcept;

 private:
  bpf_link *link_ = nullptr;
  UniqueFd fd_;
};

/** BpfLink of native.ts. */
class LinkWrap : public Napi::ObjectWrap<LinkWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /** Puts the link into the object's care and gives JavaScript its handle. */
  static Napi::Value create(Napi::Env env, const std::shared_ptr<ObjectHandle> &object, std::unique_ptr<Link> link);

  explicit LinkWrap(const Napi::CallbackInfo &info);

 private:
  struct Seed {
    std::shared_ptr<ObjectHandle> object;
    std::shared_ptr<Link> link;
  };

  Napi::Value detach(const Napi::CallbackInfo &info);

  std::shared_ptr<ObjectHandle> object_;
  std::shared_ptr<Link> link_;
};

}  // namespace slt
