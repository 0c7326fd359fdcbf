// SPDX-License-Identifier: Apache-2.0
#include "global_variable.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

namespace slt {
namespace {

bool holds_globals(const std::string &section) {
  return section.rfind(".rodata", 0) == 0 || section.rfind(".data", 0) == 0 || section.rfind(".bss", 0) == 0;
}

}  // namespace

std::optional<GlobalVariable> find_variable(const bpf_object *object, const std::string &name) {
  const btf *types = bpf_object__btf(object);
  if (types == nullptr) return std::nullopt;
  for (uint32_t id = 1; id < btf__type_cnt(types); id++) {
    const btf_type *section = btf__type_by_id(types, id);
    if (!btf_is_datasec(section)) continue;
    const std::string section_name = btf__name_by_offset(types, section->name_off);
    if (!holds_globals(section_name)) continue;
    const btf_var_secinfo *entry = btf_var_secinfos(section);
    for (uint16_t i = 0; i < btf_vlen(section); i++, entry++) {
      const btf_type *variable = btf__type_by_id(types, entry->type);
      if (name == btf__name_by_offset(types, variable->name_off)) {
        return GlobalVariable{section_name, entry->offset, entry->size};
      }
    }
  }
  return std::nullopt;
}

}  // namespace slt
