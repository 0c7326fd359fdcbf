// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <fcntl.h>

#include "link.h"
#include "map.h"
#include "object.h"
#include "object_handle.h"
#include "program.h"
#include "ring_reader.h"

namespace slt {
namespace {

const char *level_name(libbpf_print_level level) {
  switch (level) {
    case LIBBPF_WARN: return "warn";
    case LIBBPF_INFO: return "info";
    default: return "debug";
  }
}

}  // namespace

Environment::Environment(Napi::Env env)
    : object_class(Napi::Persistent(ObjectWrap::define(env))),
      program_class(Napi::Persistent(ProgramWrap::define(env))),
      map_class(Napi::Persistent(MapWrap::define(env))),
      link_class(Napi::Persistent(LinkWrap::define(env))),
      reader_class(Napi::Persistent(RingReaderWrap::define(env))),
      standard_streams{fcntl(0, F_GETFL), fcntl(1, F_GETFL), fcntl(2, F_GETFL)} {}

LibbpfCall::LibbpfCall(Napi::Env env) : env_(env), log_(!Environment::of(env).log_listener.IsEmpty()) {}

LibbpfCall::~LibbpfCall() {
  if (log_.messages().empty() || Environment::of(env_).log_listener.IsEmpty()) return;
  try {
    tell_listener();
  } catch (const Napi::Error &error) {
    error.ThrowAsJavaScriptException();
    report_uncaught(env_);
  }
}

// Only now that libbpf has returned: the listener may close the very object
// which the messages are about.
void LibbpfCall::tell_listener() {
  Napi::HandleScope scope(env_);
  const Napi::Function listener = Environment::of(env_).log_listener.Value();
  for (const LogMessage &message : log_.messages()) {
    listener.Call({Napi::String::New(env_, level_name(message.level)), Napi::String::New(env_, message.text)});
  }
}

void report_uncaught(napi_env env) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

}  // namespace slt
