/* SPDX-License-Identifier: Apache-2.0 */
#include "span_fields.h"

/* Positions in opentelemetry.trace.SpanContext, a tuple; _sltagent/spans.py makes sure of them. */
enum { CONTEXT_TRACE_ID, CONTEXT_SPAN_ID, CONTEXT_IS_REMOTE, CONTEXT_TRACE_FLAGS, CONTEXT_FIELDS };

static PyObject *name_context, *name_parent, *name_kind, *name_value, *name_start_time, *name_end_time, *name_name,
	*name_resource;

int span_fields_init(void)
{
	const struct {
		PyObject **object;
		const char *text;
	} names[] = {
		{ &name_context, "_context" },       { &name_parent, "_parent" },     { &name_kind, "_kind" },
		{ &name_value, "_value_" },          { &name_name, "_name" },         { &name_resource, "_resource" },
		{ &name_start_time, "_start_time" }, { &name_end_time, "_end_time" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((*names[i].object = PyUnicode_InternFromString(names[i].text)) == NULL)
			return -1;
	return 0;
}

static int to_network_order(PyObject *number, __u8 *bytes, size_t size)
{
	if (!PyLong_Check(number)) {
		PyErr_SetString(PyExc_TypeError, "an id is not an int");
		return -1;
	}
#if PY_VERSION_HEX >= 0x030D0000
	const Py_ssize_t needed = PyLong_AsNativeBytes(
		number, bytes, (Py_ssize_t)size,
		Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER | Py_ASNATIVEBYTES_REJECT_NEGATIVE);
	if (needed > (Py_ssize_t)size)
		PyErr_SetString(PyExc_OverflowError, "an id is too large");
	return needed < 0 || needed > (Py_ssize_t)size ? -1 : 1;
#else
	/* int.to_bytes() without the object; its name is private, and the same from 3.2 to 3.12. */
	return _PyLong_AsByteArray((PyLongObject *)number, bytes, size, 0, 0) == 0 ? 1 : -1;
#endif
}

static int is_span_context(PyObject *context)
{
	if (PyTuple_Check(context) && PyTuple_GET_SIZE(context) >= CONTEXT_FIELDS)
		return 1;
	PyErr_SetString(PyExc_TypeError, "not a SpanContext");
	return 0;
}

static int context_identity(PyObject *context, struct slt_span *out)
{
	long trace_flags;

	if (!is_span_context(context))
		return -1;
	trace_flags = PyLong_AsLong(PyTuple_GET_ITEM(context, CONTEXT_TRACE_FLAGS));
	if (trace_flags == -1 && PyErr_Occurred())
		return -1;
	if ((trace_flags & SLT_SPAN_SAMPLED) == 0)
		return 0;
	out->version = SLT_PROBE_VERSION;
	out->flags = SLT_SPAN_SAMPLED;
	if (to_network_order(PyTuple_GET_ITEM(context, CONTEXT_TRACE_ID), out->trace_id, SLT_TRACE_ID_BYTES) < 0)
		return -1;
	return to_network_order(PyTuple_GET_ITEM(context, CONTEXT_SPAN_ID), out->span_id, SLT_SPAN_ID_BYTES);
}

int span_identity(PyObject *span, struct slt_span *out)
{
	PyObject *context = PyObject_GetAttr(span, name_context);
	int result;

	if (context == NULL)
		return -1;
	result = context_identity(context, out);
	Py_DECREF(context);
	return result;
}

static int read_parent(PyObject *span, struct slt_span *out)
{
	PyObject *parent = PyObject_GetAttr(span, name_parent);
	int result = -1;

	if (parent == NULL)
		return -1;
	if (parent == Py_None) {
		result = 1;
	} else if (is_span_context(parent)) {
		result = to_network_order(PyTuple_GET_ITEM(parent, CONTEXT_SPAN_ID), out->parent_span_id,
					  SLT_SPAN_ID_BYTES);
		if (PyTuple_GET_ITEM(parent, CONTEXT_IS_REMOTE) == Py_True)
			out->flags |= SLT_SPAN_PARENT_REMOTE;
	}
	Py_DECREF(parent);
	return result;
}

/* The SDK's SpanKind counts from INTERNAL = 0, OTLP's from UNSPECIFIED = 0. */
static int read_kind(PyObject *span, struct slt_span *out)
{
	PyObject *kind = PyObject_GetAttr(span, name_kind);
	PyObject *value = kind == NULL ? NULL : PyObject_GetAttr(kind, name_value);
	long number = value == NULL ? -1 : PyLong_AsLong(value);

	Py_XDECREF(kind);
	Py_XDECREF(value);
	if (number == -1 && PyErr_Occurred())
		return -1;
	out->kind = number >= 0 && number < SLT_KIND_CONSUMER ? (__u8)(number + 1) : SLT_KIND_UNSPECIFIED;
	return 1;
}

/* A name may be any object that the application chose: one that is no text, or no valid one, is left out. */
static int read_name(PyObject *span, struct slt_span *out)
{
	PyObject *name = PyObject_GetAttr(span, name_name);
	const char *utf8 = NULL;
	Py_ssize_t length = 0;

	if (name == NULL)
		return -1;
	if (PyUnicode_Check(name))
		utf8 = PyUnicode_AsUTF8AndSize(name, &length);
	if (utf8 == NULL) {
		PyErr_Clear();
		length = 0;
	}
	slt_span_name(out, utf8, (size_t)length);
	Py_DECREF(name);
	return 1;
}

/*
 * One that is no time in Unix nanoseconds (a float is a common one) is the
 * application's own mistake, for the SDK to judge. The agent then takes the time
 * at which the start was announced, also when it hears of it at the end.
 */
static int read_start_time(PyObject *span, struct slt_span *out)
{
	PyObject *start = PyObject_GetAttr(span, name_start_time);

	if (start == NULL)
		return -1;
	out->start_unix_ns = PyLong_AsUnsignedLongLong(start);
	Py_DECREF(start);
	if (out->start_unix_ns == (unsigned long long)-1 && PyErr_Occurred()) {
		PyErr_Clear();
		out->start_unix_ns = 0;
	}
	return 1;
}

int span_fields(PyObject *span, struct slt_span *out)
{
	int result;

	memset(out, 0, sizeof(*out));
	result = span_identity(span, out);
	if (result <= 0)
		return result;
	if (read_parent(span, out) < 0 || read_kind(span, out) < 0 || read_name(span, out) < 0 ||
	    read_start_time(span, out) < 0)
		return -1;
	return 1;
}

PyObject *span_resource(PyObject *span)
{
	return PyObject_GetAttr(span, name_resource);
}

static int is_set(PyObject *span, PyObject *name)
{
	PyObject *value = PyObject_GetAttr(span, name);
	const int result = value == NULL ? -1 : value != Py_None;

	Py_XDECREF(value);
	return result;
}

int span_has_started(PyObject *span)
{
	return is_set(span, name_start_time);
}

int span_has_ended(PyObject *span)
{
	return is_set(span, name_end_time);
}
