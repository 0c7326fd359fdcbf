// SPDX-License-Identifier: Apache-2.0
// Errors as JavaScript meets them: `code`, `errno`, `syscall`, `log`.
#pragma once

#include <napi.h>

#include <string>

namespace slt {

/** The error's word: an errno name such as "EPERM", or ERR_BPF_* for the numbers of libbpf's own. */
std::string error_code(int error);

/** What failed, before it is thrown. */
struct Failure {
  int error = 0;             // positive
  const char *syscall = "";  // what was tried, one word
  std::string what;          // the sentence's beginning, which names the object
  std::string reason;        // what libbpf said about it
  std::string log;           // the verifier's log
};

[[noreturn]] void throw_failure(Napi::Env env, const Failure &failure);

/** For what no system call refused: use after close, unknown names, wrong sizes. */
[[noreturn]] void throw_error(Napi::Env env, const char *code, const std::string &message);

[[noreturn]] void throw_argument_type(Napi::Env env, const char *argument, const char *expected);

[[noreturn]] void throw_argument_range(Napi::Env env, const char *argument, const std::string &expected);

}  // namespace slt
