/* SPDX-License-Identifier: Apache-2.0 */
/* Which process this is: what was told before a fork, or to an agent that has gone, counts no more. */
#ifndef SLT_PROCESS_H
#define SLT_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/*
 * initial-exec: one instruction, and no allocation in a signal handler, as
 * dynamic TLS would make at a thread's first use. OTEP 4947 asks readers of the
 * thread context record to support it, among others.
 */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))

/* For what a signal handler on the same thread, or the kernel at a trap or a switch, may look at. */
#define COMPILER_FENCE() atomic_signal_fence(memory_order_seq_cst)

/*
 * The number of the present process and stay of an agent: what a thread
 * remembers to have told holds only while this is the same. A new one is begun
 * when there is none, and the process announced. 0: the library could not set
 * itself up, and nothing may be told.
 */
uint32_t slt_process_generation(void);

/*
 * Memory that a child process finds zeroed (MADV_WIPEONFORK, 4.14), also that of
 * a raw clone(2), which runs no atfork handler. NULL: it could not be had.
 */
void *slt_map_wiped_on_fork(size_t size);

/* No agent is attached: whoever comes next has been told nothing. */
void slt_process_forget(void);

#endif
