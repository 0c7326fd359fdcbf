// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <cmath>
#include <cstring>

#include "error.h"

namespace slt {

std::string string_argument(const Napi::Value &value, const char *name) {
  if (!value.IsString()) throw_argument_type(value.Env(), name, "a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) throw_argument_type(value.Env(), name, "a string without NUL characters");
  return text;
}

bool boolean_argument(const Napi::Value &value, const char *name) {
  if (!value.IsBoolean()) throw_argument_type(value.Env(), name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

int64_t integer_argument(const Napi::Value &value, const char *name, int64_t low, int64_t high) {
  if (!value.IsNumber()) throw_argument_type(value.Env(), name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  // The negated form also refuses NaN.
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || std::trunc(number) != number) {
    throw_argument_range(value.Env(), name,
                         "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<int64_t>(number);
}

uint64_t bigint_argument(const Napi::Value &value, const char *name) {
  if (!value.IsBigInt()) throw_argument_type(value.Env(), name, "a bigint");
  bool lossless = false;
  const uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) throw_argument_range(value.Env(), name, "a bigint of 64 bits, not negative");
  return number;
}

Bytes bytes_argument(const Napi::Value &value, const char *name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw_argument_type(value.Env(), name, "a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Bytes bytes_argument(const Napi::Value &value, const char *name, size_t size) {
  const Bytes bytes = bytes_argument(value, name);
  if (bytes.size != size) {
    throw_argument_range(value.Env(), name,
                         std::to_string(size) + " bytes, not " + std::to_string(bytes.size));
  }
  return bytes;
}

Napi::Function function_argument(const Napi::Value &value, const char *name) {
  if (!value.IsFunction()) throw_argument_type(value.Env(), name, "a function");
  return value.As<Napi::Function>();
}

Napi::Object object_argument(const Napi::Value &value, const char *name) {
  if (!value.IsObject()) throw_argument_type(value.Env(), name, "an object");
  return value.As<Napi::Object>();
}

std::vector<std::string> strings_argument(const Napi::Value &value, const char *name) {
  if (!value.IsArray()) throw_argument_type(value.Env(), name, "an array of strings");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  strings.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) strings.push_back(string_argument(array.Get(i), name));
  return strings;
}

Napi::Uint8Array copy_to_javascript(Napi::Env env, const void *data, size_t size) {
  auto array = Napi::Uint8Array::New(env, size);
  if (size != 0) std::memcpy(array.Data(), data, size);
  return array;
}

}  // namespace slt
