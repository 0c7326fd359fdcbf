// SPDX-License-Identifier: Apache-2.0
#include "exec.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "arguments.h"
#include "environment.h"
#include "error.h"

namespace slt {
namespace {

constexpr int last_signal = 64;
// Bytes of the kernel's signal set.
constexpr size_t signal_set_bytes = 8;

// As rt_sigaction(2) itself takes it. glibc's sigaction() refuses the two signals
// that it uses itself, 32 and 33, and a caller may have ignored these too.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

struct State {
  uint64_t ignored;
  uint64_t blocked;
  rlimit open_files;
  std::vector<int> descriptors;
  std::array<int, 3> standard_streams;
};

/** The attributes of this process that execve passes on; put back when it has failed. */
class Inheritance {
 public:
  ~Inheritance() { restore(); }
  Inheritance() = default;
  Inheritance(const Inheritance &) = delete;
  Inheritance &operator=(const Inheritance &) = delete;

  /** 0, or the errno of what could not be set; `what` says which. */
  int set(const State &state, const char *&what);
  /** Puts everything back as it was before set(). */
  void restore();

 private:
  int set_signals(uint64_t ignored);
  int set_descriptors(const std::vector<int> &descriptors);
  void set_standard_streams(const std::array<int, 3> &status_flags);

  std::array<KernelSigaction, last_signal + 1> actions_{};
  int signals_set_ = 0;
  uint64_t blocked_ = 0;
  bool mask_set_ = false;
  rlimit open_files_{};
  bool open_files_set_ = false;
  std::vector<std::pair<int, int>> descriptor_flags_;
  std::vector<std::pair<int, int>> status_flags_;
};

int Inheritance::set(const State &state, const char *&what) {
  what = "signal mask";
  // First: a signal that arrives from here on is for the new program.
  if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &state.blocked, &blocked_, signal_set_bytes) != 0) return errno;
  mask_set_ = true;
  what = "ignored signals";
  int error = set_signals(state.ignored);
  if (error != 0) return error;
  what = "limit of open files";
  if (getrlimit(RLIMIT_NOFILE, &open_files_) != 0 || setrlimit(RLIMIT_NOFILE, &state.open_files) != 0) return errno;
  open_files_set_ = true;
  what = "inherited descriptors";
  set_standard_streams(state.standard_streams);
  return set_descriptors(state.descriptors);
}

int Inheritance::set_signals(uint64_t ignored) {
  for (int signal = 1; signal <= last_signal; signal++) {
    // Nobody can change these two.
    if (signal != SIGKILL && signal != SIGSTOP) {
      KernelSigaction action{};
      const bool ignore = (ignored >> (signal - 1) & 1) != 0;
      if (syscall(SYS_rt_sigaction, signal, nullptr, &actions_[signal], signal_set_bytes) != 0) return errno;
      // A handler becomes the default by execve itself, and Node's other threads may still need it until then.
      action.handler = ignore ? SIG_IGN : SIG_DFL;
      const bool needed = ignore || actions_[signal].handler == SIG_IGN;
      if (needed && syscall(SYS_rt_sigaction, signal, &action, nullptr, signal_set_bytes) != 0) return errno;
    }
    signals_set_ = signal;
  }
  return 0;
}

int Inheritance::set_descriptors(const std::vector<int> &descriptors) {
  for (const int descriptor : descriptors) {
    const int flags = fcntl(descriptor, F_GETFD);
    // One that the caller had closed stays closed.
    if (flags < 0 && errno == EBADF) continue;
    if (flags < 0 || fcntl(descriptor, F_SETFD, flags & ~FD_CLOEXEC) != 0) return errno;
    descriptor_flags_.emplace_back(descriptor, flags);
  }
  return 0;
}

void Inheritance::set_standard_streams(const std::array<int, 3> &status_flags) {
  for (int descriptor = 0; descriptor < 3; descriptor++) {
    const int now = fcntl(descriptor, F_GETFL);
    const int before = status_flags[static_cast<size_t>(descriptor)];
    if (now < 0 || before < 0 || (now & O_NONBLOCK) == (before & O_NONBLOCK)) continue;
    if (fcntl(descriptor, F_SETFL, (now & ~O_NONBLOCK) | (before & O_NONBLOCK)) == 0) {
      status_flags_.emplace_back(descriptor, now);
    }
  }
}

void Inheritance::restore() {
  for (const auto &[descriptor, flags] : status_flags_) fcntl(descriptor, F_SETFL, flags);
  status_flags_.clear();
  for (const auto &[descriptor, flags] : descriptor_flags_) fcntl(descriptor, F_SETFD, flags);
  descriptor_flags_.clear();
  if (open_files_set_) setrlimit(RLIMIT_NOFILE, &open_files_);
  open_files_set_ = false;
  for (int signal = 1; signal <= signals_set_; signal++) {
    if (signal != SIGKILL && signal != SIGSTOP) {
      syscall(SYS_rt_sigaction, signal, &actions_[signal], nullptr, signal_set_bytes);
    }
  }
  signals_set_ = 0;
  if (mask_set_) syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked_, nullptr, signal_set_bytes);
  mask_set_ = false;
}

rlim_t limit_argument(const Napi::Value &value, const char *name) {
  if (value.IsNumber() && std::isinf(value.As<Napi::Number>().DoubleValue()) &&
      value.As<Napi::Number>().DoubleValue() > 0) {
    return RLIM_INFINITY;
  }
  return static_cast<rlim_t>(integer_argument(value, name, 0, (int64_t{1} << 53) - 1));
}

std::vector<int> descriptors_argument(const Napi::Value &value) {
  if (value.IsUndefined()) return {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  if (!value.IsArray()) throw_argument_type(value.Env(), "descriptors", "an array of numbers");
  const auto array = value.As<Napi::Array>();
  std::vector<int> descriptors;
  for (uint32_t i = 0; i < array.Length(); i++) {
    descriptors.push_back(
        static_cast<int>(integer_argument(array.Get(i), "descriptors", 0, std::numeric_limits<int>::max())));
  }
  return descriptors;
}

State state_argument(const Napi::Value &value) {
  const Napi::Object object = object_argument(value, "state");
  const Napi::Object open_files = object_argument(object.Get("openFiles"), "openFiles");
  return {bigint_argument(object.Get("ignoredSignals"), "ignoredSignals"),
          bigint_argument(object.Get("blockedSignals"), "blockedSignals"),
          {limit_argument(open_files.Get("soft"), "soft"), limit_argument(open_files.Get("hard"), "hard")},
          descriptors_argument(object.Get("descriptors")),
          Environment::of(value.Env()).standard_streams};
}

std::vector<char *> pointers(std::vector<std::string> &strings) {
  std::vector<char *> list;
  list.reserve(strings.size() + 1);
  for (std::string &string : strings) list.push_back(string.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

Napi::Value exec(const Napi::CallbackInfo &info) {
  const std::string path = string_argument(info[0], "path");
  std::vector<std::string> arguments = strings_argument(info[1], "argv");
  std::vector<std::string> environment = strings_argument(info[2], "env");
  const State state = state_argument(info[3]);
  const std::vector<char *> argv = pointers(arguments);
  const std::vector<char *> envp = pointers(environment);

  Inheritance inheritance;
  const char *what = "";
  int error = inheritance.set(state, what);
  if (error != 0) {
    inheritance.restore();
    throw_failure(info.Env(), {error, "execve", "start " + path, std::string("could not set its ") + what, {}});
  }
  execve(path.c_str(), argv.data(), envp.data());
  error = errno;
  inheritance.restore();
  throw_failure(info.Env(), {error, "execve", "start " + path, {}, {}});
}

}  // namespace slt
