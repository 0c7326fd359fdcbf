// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <cstdio>
#include <mutex>

namespace slt {
namespace {

constexpr char log_begin[] = "-- BEGIN PROG LOAD LOG --\n";
constexpr char log_end[] = "-- END PROG LOAD LOG --";
constexpr char prefix[] = "libbpf: ";

thread_local LogScope *innermost = nullptr;
libbpf_print_fn_t before_us = nullptr;

int print(libbpf_print_level level, const char *format, va_list arguments) {
  if (innermost != nullptr) {
    innermost->add(level, format, arguments);
    return 0;
  }
  return before_us != nullptr ? before_us(level, format, arguments) : 0;
}

}  // namespace

void install_log() {
  static std::once_flag once;
  std::call_once(once, [] { before_us = libbpf_set_print(print); });
}

LogScope::LogScope(bool everything) : everything_(everything), outer_(innermost) { innermost = this; }

LogScope::~LogScope() { innermost = outer_; }

void LogScope::add(libbpf_print_level level, const char *format, va_list arguments) {
  if (level != LIBBPF_WARN && !everything_) return;
  // Measured first: a verifier's log may be megabytes long.
  va_list measured;
  va_copy(measured, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, measured);
  va_end(measured);
  if (length < 0) return;
  std::string text(static_cast<size_t>(length) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.resize(static_cast<size_t>(length));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  messages_.push_back({level, std::move(text)});
}

std::string LogScope::reason() const {
  for (const LogMessage &message : messages_) {
    if (message.level != LIBBPF_WARN) continue;
    std::string text = message.text.substr(0, message.text.find('\n'));
    if (text.rfind(prefix, 0) == 0) text.erase(0, sizeof(prefix) - 1);
    return text;
  }
  return {};
}

std::string LogScope::verifier_log() const {
  for (const LogMessage &message : messages_) {
    const size_t begin = message.text.find(log_begin);
    if (begin == std::string::npos) continue;
    const size_t from = begin + sizeof(log_begin) - 1;
    const size_t to = message.text.rfind(log_end);
    return message.text.substr(from, to == std::string::npos || to < from ? std::string::npos : to - from);
  }
  return {};
}

}  // namespace slt
