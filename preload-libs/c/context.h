/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLT_CONTEXT_H
#define SLT_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The span that the kernel side takes a thread to work for, as far as the library knows. */
struct told_context {
	bool known;
	uint64_t span_id; /* 0: for none */
};

/* Of the calling thread. */
struct told_context context_told(uint32_t generation);

#endif
