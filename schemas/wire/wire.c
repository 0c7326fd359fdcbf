// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* One variable of each type that the decoder needs, so that the compiler describes it in BTF. Never linked. */
#include <linux/types.h>

#include "control.h"
#include "record.h"

#define DESCRIBE(kind, name) kind name describe_##name

DESCRIBE(struct, slt_record_header);
DESCRIBE(struct, slt_record_process);
DESCRIBE(struct, slt_record_resource);
DESCRIBE(struct, slt_record_part);
DESCRIBE(struct, slt_record_calls);
DESCRIBE(struct, slt_record_span);
DESCRIBE(struct, slt_control);
DESCRIBE(struct, slt_operation);
DESCRIBE(struct, slt_threshold);
DESCRIBE(struct, slt_syscall_rule);
DESCRIBE(struct, slt_span_key);
DESCRIBE(struct, slt_runtime);
DESCRIBE(struct, slt_capture);
DESCRIBE(enum, slt_record_type);
DESCRIBE(enum, slt_class);
DESCRIBE(enum, slt_wait);
DESCRIBE(enum, slt_capture_mode);
DESCRIBE(enum, slt_fd_kind);
DESCRIBE(enum, slt_calls_order);
DESCRIBE(enum, slt_call_flag);
DESCRIBE(enum, slt_part_flag);
DESCRIBE(enum, slt_record_span_flag);
DESCRIBE(enum, slt_syscall_flag);
DESCRIBE(enum, slt_counter);
