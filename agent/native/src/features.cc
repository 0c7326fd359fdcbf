// SPDX-License-Identifier: Apache-2.0
#include "features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <link.h>

#include <cerrno>
#include <limits>

#include "arguments.h"
#include "environment.h"
#include "error.h"
#include "unique_fd.h"
#include "uprobe_multi.h"

namespace slt {
namespace {

constexpr int64_t largest_number = std::numeric_limits<int32_t>::max();

// The functions of libbpf that probe give 1, 0, or a negative errno.
Napi::Value answer(Napi::Env env, int probed) {
  return Napi::String::New(env, probed > 0 ? "yes" : probed == 0 ? "no" : "unknown");
}

// A place for a uprobe which no thread ever comes to.
__attribute__((noinline, noclone, used)) void never_called() { asm volatile("nop"); }

/** Finds the file offset of an address in this module; the answer of dl_iterate_phdr's callback is "found". */
struct FileOffset {
  uintptr_t address;
  uint64_t offset;
};

int find_file_offset(dl_phdr_info *module, size_t, void *data) {
  auto *wanted = static_cast<FileOffset *>(data);
  for (int i = 0; i < module->dlpi_phnum; i++) {
    const ElfW(Phdr) &segment = module->dlpi_phdr[i];
    const uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || wanted->address < begin || wanted->address >= begin + segment.p_memsz) continue;
    wanted->offset = wanted->address - begin + segment.p_offset;
    return 1;
  }
  return 0;
}

// Kernels before 6.6 load such a program too: only the link tells.
int try_uprobe_multi() {
  const auto address = reinterpret_cast<uintptr_t>(&never_called);
  Dl_info module{};
  FileOffset site{address, 0};
  if (dladdr(reinterpret_cast<void *>(address), &module) == 0) return -ENOENT;
  if (dl_iterate_phdr(find_file_offset, &site) == 0) return -ENOENT;

  // r0 = 0; exit
  const bpf_insn instructions[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = uprobe_multi_attach_type;
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "slt_probe", "GPL", instructions, 2, &options));
  if (!program.valid()) return errno == EINVAL ? 0 : -errno;
  const UniqueFd link(create_uprobe_multi_link(program.get(), {{module.dli_fname, site.offset, 0, -1}}));
  if (link.valid()) return 1;
  return errno == EINVAL ? 0 : -errno;
}

}  // namespace

Napi::Value probe_program_type(const Napi::CallbackInfo &info) {
  const auto type = static_cast<bpf_prog_type>(integer_argument(info[0], "type", 0, largest_number));
  LibbpfCall call(info.Env());
  return answer(info.Env(), libbpf_probe_bpf_prog_type(type, nullptr));
}

Napi::Value probe_map_type(const Napi::CallbackInfo &info) {
  const auto type = static_cast<bpf_map_type>(integer_argument(info[0], "type", 0, largest_number));
  LibbpfCall call(info.Env());
  return answer(info.Env(), libbpf_probe_bpf_map_type(type, nullptr));
}

Napi::Value probe_helper(const Napi::CallbackInfo &info) {
  const auto type = static_cast<bpf_prog_type>(integer_argument(info[0], "programType", 0, largest_number));
  const auto helper = static_cast<bpf_func_id>(integer_argument(info[1], "helper", 0, largest_number));
  LibbpfCall call(info.Env());
  return answer(info.Env(), libbpf_probe_bpf_helper(type, helper, nullptr));
}

Napi::Value probe_uprobe_multi(const Napi::CallbackInfo &info) {
  LibbpfCall call(info.Env());
  return answer(info.Env(), try_uprobe_multi());
}

Napi::Value possible_cpus(const Napi::CallbackInfo &info) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) throw_failure(info.Env(), {-cpus, "possibleCpus", "count the possible CPUs", {}, {}});
  return Napi::Number::New(info.Env(), cpus);
}

Napi::Value libbpf_version(const Napi::CallbackInfo &info) {
  return Napi::String::New(
      info.Env(), std::to_string(libbpf_major_version()) + "." + std::to_string(libbpf_minor_version()));
}

}  // namespace slt
