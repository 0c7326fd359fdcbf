// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <bpf/libbpf.h>
#include <string.h>

namespace slt {
namespace {

// The kernel's own number for "this kind of map or program cannot do that". It
// is not part of the errno list of user space, but bpf(2) returns it.
constexpr int kernel_enotsupp = 524;

std::string describe(int error) {
  if (error == kernel_enotsupp) return "not supported by this kernel";
  char text[256] = "";
  libbpf_strerror(error, text, sizeof(text));
  return text;
}

}  // namespace

std::string error_code(int error) {
  switch (error) {
    case kernel_enotsupp: return "ENOTSUPP";
    case LIBBPF_ERRNO__LIBELF: return "ERR_BPF_LIBELF";
    case LIBBPF_ERRNO__FORMAT: return "ERR_BPF_FORMAT";
    case LIBBPF_ERRNO__KVERSION: return "ERR_BPF_KVERSION";
    case LIBBPF_ERRNO__ENDIAN: return "ERR_BPF_ENDIAN";
    case LIBBPF_ERRNO__INTERNAL: return "ERR_BPF_INTERNAL";
    case LIBBPF_ERRNO__RELOC: return "ERR_BPF_RELOC";
    case LIBBPF_ERRNO__LOAD: return "ERR_BPF_LOAD";
    case LIBBPF_ERRNO__VERIFY: return "ERR_BPF_VERIFY";
    case LIBBPF_ERRNO__PROG2BIG: return "ERR_BPF_PROG2BIG";
    case LIBBPF_ERRNO__KVER: return "ERR_BPF_KVER";
    case LIBBPF_ERRNO__PROGTYPE: return "ERR_BPF_PROGTYPE";
    default: break;
  }
  const char *name = strerrorname_np(error);
  return name != nullptr ? name : "ERR_BPF_" + std::to_string(error);
}

void throw_failure(Napi::Env env, const Failure &failure) {
  std::string message = failure.what + ": " + describe(failure.error);
  if (!failure.reason.empty()) message += " (" + failure.reason + ")";
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, error_code(failure.error)));
  error.Set("errno", Napi::Number::New(env, failure.error));
  error.Set("syscall", Napi::String::New(env, failure.syscall));
  if (!failure.log.empty()) error.Set("log", Napi::String::New(env, failure.log));
  throw error;
}

void throw_error(Napi::Env env, const char *code, const std::string &message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

void throw_argument_type(Napi::Env env, const char *argument, const char *expected) {
  Napi::TypeError error = Napi::TypeError::New(env, std::string(argument) + ": expected " + expected);
  error.Set("code", Napi::String::New(env, "ERR_INVALID_ARG_TYPE"));
  throw error;
}

void throw_argument_range(Napi::Env env, const char *argument, const std::string &expected) {
  Napi::RangeError error = Napi::RangeError::New(env, std::string(argument) + ": expected " + expected);
  error.Set("code", Napi::String::New(env, "ERR_OUT_OF_RANGE"));
  throw error;
}

}  // namespace slt
