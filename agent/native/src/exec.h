// SPDX-License-Identifier: Apache-2.0
// execve(2) with the process state that the caller of Node had.
//
// At its start Node sets every signal to its default but SIGPIPE and SIGXFSZ,
// which it ignores; it raises the soft limit of open files; and it marks the
// descriptors that it inherits close-on-exec (uv_disable_stdio_inheritance).
// A standard stream that was used may be left non-blocking. None of this may
// reach the new program.
#pragma once

#include <napi.h>

namespace slt {

/** SystemCalls.execve of native.ts. */
Napi::Value exec(const Napi::CallbackInfo &info);

}  // namespace slt
