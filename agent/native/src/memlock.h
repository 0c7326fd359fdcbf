// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace slt {

/**
 * Kernels before 5.11 count BPF memory against RLIMIT_MEMLOCK (commit
 * d5299b67dd59 ended that). There the limit is raised as far as it goes; that it
 * could not be raised is no error, for the load itself then says what is missing.
 */
void raise_memlock_limit_where_bpf_counts();

}  // namespace slt
