/* SPDX-License-Identifier: Apache-2.0 */
/* Which process this is: what was told before a fork, or to an agent that has gone, counts no more. */
#ifndef SLT_PROCESS_H
#define SLT_PROCESS_H

#include <stdint.h>

/*
 * The number of the present process and stay of an agent: what a thread
 * remembers to have told holds only while this is the same. A new one is begun
 * when there is none, and the process announced. 0: the library could not set
 * itself up, and nothing may be told.
 */
uint32_t slt_process_generation(void);

/* No agent is attached: whoever comes next has been told nothing. */
void slt_process_forget(void);

#endif
