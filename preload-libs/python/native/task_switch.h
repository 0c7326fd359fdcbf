/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLTAGENT_TASK_SWITCH_H
#define SLTAGENT_TASK_SWITCH_H

/* From now on a change of contextvars.Context, as at each step of an asyncio task, is announced. -1: not possible, with an exception set. */
int task_switch_follow(void);

#endif
