// SPDX-License-Identifier: Apache-2.0
// What libbpf prints, and where it goes.
//
// libbpf has one print function for the whole process, without a context. It
// calls it on the thread that called libbpf, so a thread-local pointer to the
// innermost LogScope tells whose message it is: environments (worker threads)
// never see each other's. Where no scope of ours is alive the message goes to
// the print function that was there before us.
#pragma once

#include <bpf/libbpf.h>

#include <cstdarg>
#include <string>
#include <vector>

namespace slt {

struct LogMessage {
  libbpf_print_level level;
  std::string text;
};

/** Makes libbpf print through us. Once for each process; later calls do nothing. */
void install_log();

/** Gathers what libbpf prints on this thread while it lives. */
class LogScope {
 public:
  /** `everything`: also information and debugging, which are many and cost time. */
  explicit LogScope(bool everything);
  ~LogScope();
  LogScope(const LogScope &) = delete;
  LogScope &operator=(const LogScope &) = delete;

  void add(libbpf_print_level level, const char *format, va_list arguments);
  const std::vector<LogMessage> &messages() const { return messages_; }
  /** The first warning, on one line and without the prefix; empty when there was none. */
  std::string reason() const;
  /** The verifier's log, which libbpf prints after a second try with a buffer once a load has failed. */
  std::string verifier_log() const;

 private:
  const bool everything_;
  LogScope *const outer_;
  std::vector<LogMessage> messages_;
};

}  // namespace slt
