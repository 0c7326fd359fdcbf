// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <bpf/libbpf.h>

#include "environment.h"
#include "error.h"
#include "object_handle.h"

namespace slt {

int Link::detach() noexcept {
  fd_.reset();
  bpf_link *link = std::exchange(link_, nullptr);
  // bpf_link__destroy(NULL) is allowed and gives 0.
  return -bpf_link__destroy(link);
}

Napi::Function LinkWrap::define(Napi::Env env) {
  return DefineClass(env, "BpfLink", {InstanceMethod<&LinkWrap::detach>("detach")});
}

Napi::Value LinkWrap::create(Napi::Env env, const std::shared_ptr<ObjectHandle> &object, std::unique_ptr<Link> link) {
  Seed seed{object, object->adopt(std::move(link))};
  Environment &environment = Environment::of(env);
  environment.attached.insert(object);
  return environment.create(&Environment::link_class, seed);
}

LinkWrap::LinkWrap(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  Seed &seed = seed_of<Seed>(info);
  object_ = seed.object;
  link_ = seed.link;
}

Napi::Value LinkWrap::detach(const Napi::CallbackInfo &info) {
  LibbpfCall call(info.Env());
  const int error = link_->detach();
  object_->forget(link_);
  if (!object_->attached()) Environment::of(info.Env()).attached.erase(object_);
  if (error != 0) throw_failure(info.Env(), {error, "detach", "detach a link of " + object_->path(), call.log().reason(), {}});
  return info.Env().Undefined();
}

}  // namespace slt
