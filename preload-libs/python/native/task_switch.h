/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLTAGENT_TASK_SWITCH_H
#define SLTAGENT_TASK_SWITCH_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* From now on a change of contextvars.Context, as at each step of an asyncio task, is announced. -1: not possible, with an exception set. */
int task_switch_follow(void);

/* Those too that this extension module makes from C. Not possible: they are not announced. Never leaves an exception behind. */
void task_switch_follow_loop(PyObject *module);

#endif
