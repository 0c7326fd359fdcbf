/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module _sltagent_native: what stands in place of the SDK's methods at a span's start and end, and what
 * _sltagent calls at a change of context. After configure() none of it raises by itself.
 */
#include "announce.h"
#include "announced_method.h"
#include "task_switch.h"

#ifdef Py_GIL_DISABLED
#error "free-threaded Python is not supported: what is kept in announce.c is guarded by the GIL"
#endif

static PyObject *configure(PyObject *Py_UNUSED(module), PyObject *arguments)
{
	PyObject *variable, *span_key, *span_type, *resource_text;

	if (!PyArg_ParseTuple(arguments, "O!UO!O", &PyContextVar_Type, &variable, &span_key, &PyType_Type, &span_type,
			      &resource_text))
		return NULL;
	if (task_switch_follow() < 0)
		return NULL;
	announce_configure(variable, span_key, span_type, resource_text);
	Py_RETURN_NONE;
}

static PyObject *follow_loop(PyObject *Py_UNUSED(module), PyObject *loop)
{
	task_switch_follow_loop(loop);
	Py_RETURN_NONE;
}

static PyObject *make_announced_start(PyObject *Py_UNUSED(module), PyObject *method)
{
	return announced_start(method);
}

static PyObject *make_announced_end(PyObject *Py_UNUSED(module), PyObject *method)
{
	return announced_end(method);
}

static PyObject *context_changed(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
	announce_present_context();
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "configure", configure, METH_VARARGS,
	  "configure(variable, span_key, span_type, resource_text): begin to announce." },
	{ "follow_loop", follow_loop, METH_O,
	  "follow_loop(module): announce also the changes of context that this extension module makes from C." },
	{ "announced_start", make_announced_start, METH_O,
	  "announced_start(start): a method for the place of the SDK's Span.start, which announces the span." },
	{ "announced_end", make_announced_end, METH_O,
	  "announced_end(end): a method for the place of the SDK's Span.end, which announces that the span is about to end." },
	{ "context_changed", context_changed, METH_NOARGS,
	  "context_changed(): another context has become this thread's." },
	{ NULL, NULL, 0, NULL },
};

static int initialise(PyObject *Py_UNUSED(module))
{
	if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
		PyErr_SetString(PyExc_ImportError, "_sltagent_native serves the main interpreter only");
		return -1;
	}
	return announce_init() < 0 ? -1 : announced_method_init();
}

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, (void *)initialise },
	{ 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "_sltagent_native",
	.m_doc = "Announces spans and contexts to sltagent, through libslt.",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__sltagent_native(void)
{
	return PyModuleDef_Init(&definition);
}
