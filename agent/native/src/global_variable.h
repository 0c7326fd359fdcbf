// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

struct bpf_object;

namespace slt {

/** Where a global variable of a BPF object lies, by the object's BTF. */
struct GlobalVariable {
  std::string section;  // ".rodata", ".data", ".bss", …: also the name that finds its map
  uint32_t offset;
  uint32_t size;
};

std::optional<GlobalVariable> find_variable(const bpf_object *object, const std::string &name);

}  // namespace slt
