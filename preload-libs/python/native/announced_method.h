/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLTAGENT_ANNOUNCED_METHOD_H
#define SLTAGENT_ANNOUNCED_METHOD_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* -1 with an exception set when the type could not be made. */
int announced_method_init(void);

/*
 * In place of the SDK's Span.start and Span.end: methods which take the same arguments, give the same results and raise
 * the same, and announce the span. New references; NULL with an exception set when `method` cannot be called.
 */
PyObject *announced_start(PyObject *method);
PyObject *announced_end(PyObject *method);

#endif
