/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two methods of the SDK's Span. They are called for every span of the service,
 * with an agent or without one: a Python function of any arguments would cost
 * several times what is done here.
 */
#include "announced_method.h"

#include <structmember.h>

#include "announce.h"

struct announced_method {
	PyObject_HEAD
	vectorcallfunc call;
	PyObject *method;
	PyObject *attributes; /* __dict__, for functools.update_wrapper() */
	PyObject *weak_references;
};

static PyTypeObject *announced_method_type;

/* The parameter at this position, by position or by name, borrowed; NULL: it was not given. */
static PyObject *argument(PyObject *const *arguments, Py_ssize_t count, PyObject *names, Py_ssize_t position,
			  const char *name)
{
	const Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);

	if (count > position)
		return arguments[position];
	for (Py_ssize_t i = 0; i < named; i++)
		if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), name) == 0)
			return arguments[count + i];
	return NULL;
}

static PyObject *call_start(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
	PyObject *method = ((struct announced_method *)self)->method;
	PyObject *span = argument(arguments, PyVectorcall_NARGS(count), names, 0, "self");
	/* The SDK refuses a second start; it is not announced either. */
	const bool is_first = span != NULL && announce_is_unstarted(span);
	PyObject *result = PyObject_Vectorcall(method, arguments, count, names);

	if (result != NULL && is_first)
		announce_span_start(span);
	return result;
}

static PyObject *call_end(PyObject *self, PyObject *const *arguments, size_t count, PyObject *names)
{
	PyObject *span = argument(arguments, PyVectorcall_NARGS(count), names, 0, "self");
	PyObject *end_time = argument(arguments, PyVectorcall_NARGS(count), names, 1, "end_time");

	/* Before, because the SDK's own end may export the span at once, which is no part of it. */
	if (span != NULL)
		announce_span_end(span, end_time == NULL ? Py_None : end_time);
	return PyObject_Vectorcall(((struct announced_method *)self)->method, arguments, count, names);
}

/* A method of an instance, as a function is. */
static PyObject *bind(PyObject *self, PyObject *instance, PyObject *Py_UNUSED(type))
{
	if (instance != NULL && instance != Py_None)
		return PyMethod_New(self, instance);
	Py_INCREF(self);
	return self;
}

/* pickle and copy take it for what its qualified name leads to, as they do a function. */
static PyObject *reduce(PyObject *self, PyObject *Py_UNUSED(nothing))
{
	return PyObject_GetAttrString(self, "__qualname__");
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
	struct announced_method *announced = (struct announced_method *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(announced->method);
	Py_VISIT(announced->attributes);
	return 0;
}

static int clear(PyObject *self)
{
	struct announced_method *announced = (struct announced_method *)self;

	Py_CLEAR(announced->method);
	Py_CLEAR(announced->attributes);
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	if (((struct announced_method *)self)->weak_references != NULL)
		PyObject_ClearWeakRefs(self);
	clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct announced_method, call), READONLY, NULL },
	{ "__dictoffset__", T_PYSSIZET, offsetof(struct announced_method, attributes), READONLY, NULL },
	{ "__weaklistoffset__", T_PYSSIZET, offsetof(struct announced_method, weak_references), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL },
};

static PyMethodDef methods[] = {
	{ "__reduce__", reduce, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL },
};

static PyGetSetDef getters[] = {
	{ "__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static PyType_Slot slots[] = {
	{ Py_tp_call, (void *)PyVectorcall_Call },
	{ Py_tp_descr_get, (void *)bind },
	{ Py_tp_traverse, (void *)traverse },
	{ Py_tp_clear, (void *)clear },
	{ Py_tp_dealloc, (void *)dealloc },
	{ Py_tp_members, members },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, getters },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "_sltagent_native.announced_method",
	.basicsize = sizeof(struct announced_method),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
	.slots = slots,
};

int announced_method_init(void)
{
	announced_method_type = (PyTypeObject *)PyType_FromSpec(&spec);
	return announced_method_type == NULL ? -1 : 0;
}

static PyObject *announced(PyObject *method, vectorcallfunc call)
{
	struct announced_method *made;

	if (!PyCallable_Check(method)) {
		PyErr_SetString(PyExc_TypeError, "not a method");
		return NULL;
	}
	made = PyObject_GC_New(struct announced_method, announced_method_type);
	if (made == NULL)
		return NULL;
	Py_INCREF(method);
	made->call = call;
	made->method = method;
	made->attributes = NULL;
	made->weak_references = NULL;
	PyObject_GC_Track((PyObject *)made);
	return (PyObject *)made;
}

PyObject *announced_start(PyObject *method)
{
	return announced(method, call_start);
}

PyObject *announced_end(PyObject *method)
{
	return announced(method, call_end);
}
