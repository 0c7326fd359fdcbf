// SPDX-License-Identifier: Apache-2.0
// Arguments from JavaScript, checked. Each throws a TypeError or a RangeError
// that begins with the argument's name.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace slt {

/** Memory of a Uint8Array, valid until JavaScript runs again. */
struct Bytes {
  const uint8_t *data;
  size_t size;
};

/** A string without NUL, as C takes it. */
std::string string_argument(const Napi::Value &value, const char *name);
bool boolean_argument(const Napi::Value &value, const char *name);
/** A whole number from `low` to `high`, both within ±2^53. */
int64_t integer_argument(const Napi::Value &value, const char *name, int64_t low, int64_t high);
/** A bigint of at most 64 bits, not negative. */
uint64_t bigint_argument(const Napi::Value &value, const char *name);
Bytes bytes_argument(const Napi::Value &value, const char *name);
/** As above, of exactly `size` bytes. */
Bytes bytes_argument(const Napi::Value &value, const char *name, size_t size);
Napi::Function function_argument(const Napi::Value &value, const char *name);
Napi::Object object_argument(const Napi::Value &value, const char *name);
std::vector<std::string> strings_argument(const Napi::Value &value, const char *name);

/** A copy of `size` bytes that JavaScript owns. */
Napi::Uint8Array copy_to_javascript(Napi::Env env, const void *data, size_t size);

}  // namespace slt
