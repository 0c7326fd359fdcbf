/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the objects of opentelemetry.sdk.trace to calls of libslt. Everything
 * here needs the GIL of the main interpreter, never leaves an exception behind
 * and may be called while one is set. The first thing that is not as expected
 * ends it for the life of the process.
 */
#ifndef SLTAGENT_ANNOUNCE_H
#define SLTAGENT_ANNOUNCE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

/* Makes the attribute names that are looked up. -1 with an exception set when that failed. */
int announce_init(void);

/*
 * variable: the ContextVar that holds the current opentelemetry.context.Context;
 * span_key: that Context's key of the current span; span_type: the SDK's
 * recording span; resource_text(resource): a resource as slt_resource.text.
 * Until this is called no span is announced.
 */
void announce_configure(PyObject *variable, PyObject *span_key, PyObject *span_type, PyObject *resource_text);

/* Whether the start of this object, which is about to be called, is to be announced. */
bool announce_is_unstarted(PyObject *span);
void announce_span_start(PyObject *span);
/* Of a span which has not ended yet. end_time: in Unix nanoseconds, or None for now. */
void announce_span_end(PyObject *span, PyObject *end_time);

/* The calling thread works for the current span of its present context … */
void announce_present_context(void);
/* … or of this contextvars.Context. */
void announce_context(PyObject *context);

#endif
