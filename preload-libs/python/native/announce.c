/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

#include <stdbool.h>
#include <time.h>

#include "slt.h"
#include "span_fields.h"

static PyObject *current_context, *current_span_key, *recording_span, *text_of_resource;

/* Something was not as expected: nothing is announced any more. */
static bool failed;

/* An exception of the application, kept out of our way. */
struct pending_exception {
	PyObject *type, *value, *traceback;
};

static struct pending_exception set_exception_aside(void)
{
	struct pending_exception pending;

	PyErr_Fetch(&pending.type, &pending.value, &pending.traceback);
	return pending;
}

static void put_exception_back(struct pending_exception pending)
{
	PyErr_Restore(pending.type, pending.value, pending.traceback);
}

static void fail(void)
{
	PyErr_Clear();
	failed = true;
	slt_context_set(NULL);
}

int announce_init(void)
{
	return span_fields_init();
}

void announce_configure(PyObject *variable, PyObject *span_key, PyObject *span_type, PyObject *resource_text)
{
	/* Kept for good: hooks in the interpreter's own types go on using them until the process ends. */
	Py_INCREF(variable);
	Py_INCREF(span_key);
	Py_INCREF(span_type);
	Py_INCREF(resource_text);
	current_context = variable;
	current_span_key = span_key;
	text_of_resource = resource_text;
	recording_span = span_type;
}

static bool announce_enabled(void)
{
	return recording_span != NULL && !failed && slt_enabled();
}

/* libslt is to forget what this thread worked for. Not before there is an SDK: the thread may then be another library's. */
static void leave_context(void)
{
	if (recording_span != NULL)
		slt_context_set(NULL);
}

/* --- resources --- */

/* By identity: a provider hands the same object to all of its spans. Each is kept alive, so that no other takes its address. */
static struct {
	PyObject *resource;
	uint32_t number;
} resources[SLT_RESOURCES_MAX];
static size_t resources_known;

static int set_resource(PyObject *resource, uint32_t *number)
{
	struct slt_resource told = { .version = SLT_PROBE_VERSION };
	PyObject *text = PyObject_CallFunctionObjArgs(text_of_resource, resource, NULL);
	char *bytes;
	Py_ssize_t length;

	if (text == NULL)
		return -1;
	if (PyBytes_AsStringAndSize(text, &bytes, &length) < 0 || length > SLT_RESOURCE_BYTES) {
		Py_DECREF(text);
		return -1;
	}
	memcpy(told.text, bytes, (size_t)length);
	told.length = (__u16)length;
	Py_DECREF(text);
	*number = slt_resource_set(&told);
	return 1;
}

static int number_of_resource(PyObject *resource, uint32_t *number)
{
	for (size_t i = 0; i < resources_known; i++)
		if (resources[i].resource == resource) {
			*number = resources[i].number;
			return 1;
		}
	*number = 0;
	if (resources_known == SLT_RESOURCES_MAX)
		return 1;
	if (set_resource(resource, number) < 0)
		return -1;
	/* The call above ran Python code, during which another thread may have filled the table. */
	if (resources_known < SLT_RESOURCES_MAX) {
		Py_INCREF(resource);
		resources[resources_known].resource = resource;
		resources[resources_known].number = *number;
		resources_known++;
	}
	return 1;
}

/* --- spans --- */

static int read_span(PyObject *span, struct slt_span *out)
{
	PyObject *resource;
	int result = span_fields(span, out);

	if (result <= 0)
		return result;
	resource = span_resource(span);
	if (resource == NULL)
		return -1;
	result = number_of_resource(resource, &out->resource);
	Py_DECREF(resource);
	return result;
}

static bool is_recording_span(PyObject *object)
{
	return PyObject_TypeCheck(object, (PyTypeObject *)recording_span);
}

/* One that a span processor has ended while it started is told as ended already, and must not begin after that. */
static int read_start(PyObject *span, struct slt_span *out)
{
	const int ended = span_has_ended(span);

	return ended == 0 ? read_span(span, out) : -(ended < 0);
}

bool announce_is_unstarted(PyObject *span)
{
	struct pending_exception pending;
	int started;

	if (!announce_enabled() || !is_recording_span(span))
		return false;
	pending = set_exception_aside();
	started = span_has_started(span);
	/* One that was never initialised: the SDK refuses. */
	if (started < 0)
		PyErr_Clear();
	put_exception_back(pending);
	return started == 0;
}

void announce_span_start(PyObject *span)
{
	struct pending_exception pending;
	struct slt_span told;
	int result;

	if (!announce_enabled() || !is_recording_span(span))
		return;
	pending = set_exception_aside();
	result = read_start(span, &told);
	if (result > 0)
		slt_span_start(&told);
	else if (result < 0)
		fail();
	put_exception_back(pending);
}

static uint64_t unix_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A span that never started, or has ended before: the SDK refuses, and there is nothing to tell. */
static int read_end(PyObject *span, PyObject *end_time, struct slt_span *out)
{
	const int started = span_has_started(span), ended = span_has_ended(span);
	int result;

	if (started < 0 || ended < 0)
		return -1;
	if (!started || ended)
		return 0;
	result = read_span(span, out);
	if (result <= 0)
		return result;
	out->end_unix_ns = end_time == Py_None ? unix_now_ns() : PyLong_AsUnsignedLongLong(end_time);
	if (out->end_unix_ns == (unsigned long long)-1 && PyErr_Occurred()) {
		/* The application's own mistake, for the SDK to judge. */
		PyErr_Clear();
		out->end_unix_ns = unix_now_ns();
	}
	return 1;
}

void announce_span_end(PyObject *span, PyObject *end_time)
{
	struct pending_exception pending;
	struct slt_span told;
	int result;

	if (!announce_enabled() || !is_recording_span(span))
		return;
	pending = set_exception_aside();
	result = read_end(span, end_time, &told);
	if (result > 0)
		slt_span_end(&told);
	else if (result < 0)
		fail();
	put_exception_back(pending);
}

/* --- contexts --- */

/* Of an opentelemetry.context.Context, which is a dict. */
static int read_current_span(PyObject *context, struct slt_span *out)
{
	PyObject *span;

	if (!PyDict_Check(context)) {
		PyErr_SetString(PyExc_TypeError, "not an OpenTelemetry context");
		return -1;
	}
	span = PyDict_GetItemWithError(context, current_span_key);
	if (span == NULL)
		return PyErr_Occurred() ? -1 : 0;
	return is_recording_span(span) ? span_identity(span, out) : 0;
}

/* context: a reference that is taken; NULL: there is none, or looking for it failed. */
static void announce_and_release(PyObject *context)
{
	struct slt_span told;
	int result = 0;

	if (context != NULL) {
		result = read_current_span(context, &told);
		Py_DECREF(context);
	} else if (PyErr_Occurred()) {
		result = -1;
	}
	if (result < 0)
		fail();
	else
		slt_context_set(result > 0 ? &told : NULL);
}

void announce_present_context(void)
{
	struct pending_exception pending;
	PyObject *context = NULL;

	if (!announce_enabled()) {
		leave_context();
		return;
	}
	pending = set_exception_aside();
	if (PyContextVar_Get(current_context, NULL, &context) < 0)
		context = NULL;
	announce_and_release(context);
	put_exception_back(pending);
}

void announce_context(PyObject *context)
{
	struct pending_exception pending;
	PyObject *value = NULL;

	if (!announce_enabled()) {
		leave_context();
		return;
	}
	pending = set_exception_aside();
	/* Asked first: an item that is not there would cost an exception. */
	if (PySequence_Contains(context, current_context) > 0)
		value = PyObject_GetItem(context, current_context);
	announce_and_release(value);
	put_exception_back(pending);
}
