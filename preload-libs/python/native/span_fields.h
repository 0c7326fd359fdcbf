/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLTAGENT_SPAN_FIELDS_H
#define SLTAGENT_SPAN_FIELDS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "slt.h"

/*
 * Each reads a span of the SDK and returns 1; 0 when there is nothing to tell of
 * it (it is not sampled); -1 with an exception set when it is not as expected.
 */

/* The ids and flags, which is all that a context needs. */
int span_identity(PyObject *span, struct slt_span *out);
/* Everything but the end and the resource. */
int span_fields(PyObject *span, struct slt_span *out);

/* The object that describes the span's provider; a new reference. */
PyObject *span_resource(PyObject *span);
/* 1: yes; 0: no; -1 with an exception set. */
int span_has_started(PyObject *span);
int span_has_ended(PyObject *span);

int span_fields_init(void);

#endif
