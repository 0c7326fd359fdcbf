/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An asyncio task carries its context with it: the loop runs each of its steps
 * in the task's contextvars.Context, and nothing is attached or detached.
 * asyncio's own loop does that by Context.run, uvloop by PyContext_Enter and
 * PyContext_Exit.
 */
#include "task_switch.h"

#include "announce.h"
#include "got.h"

#if PY_VERSION_HEX >= 0x030E0000

static int context_switched(PyContextEvent event, PyObject *context)
{
	if (event != Py_CONTEXT_SWITCHED)
		return 0;
	if (context == NULL || context == Py_None)
		announce_present_context();
	else
		announce_context(context);
	return 0;
}

int task_switch_follow(void)
{
	return PyContext_AddWatcher(context_switched) < 0 ? -1 : 0;
}

/* Its switches come by the watcher too. */
void task_switch_follow_loop(PyObject *Py_UNUSED(module))
{
}

#else

static _PyCFunctionFastWithKeywords context_run;

/* In place of contextvars.Context.run(callable, *args, **kwargs). */
static PyObject *announced_context_run(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
	PyObject *result;

	/* contextvars.Context is one type for all interpreters; the objects we hold belong to the main one. */
	if (PyInterpreterState_Get() != PyInterpreterState_Main())
		return context_run(self, arguments, count, names);
	announce_context(self);
	result = context_run(self, arguments, count, names);
	announce_present_context();
	return result;
}

/*
 * The type cannot be changed, but the C function behind its method is looked up
 * at each call, also by specialised bytecode. It stays replaced until the
 * process ends.
 */
int task_switch_follow(void)
{
	PyObject *method;
	PyMethodDef *definition;

	if (context_run != NULL)
		return 0;
	method = PyObject_GetAttrString((PyObject *)&PyContext_Type, "run");
	if (method == NULL)
		return -1;
	definition = Py_IS_TYPE(method, &PyMethodDescr_Type) ? ((PyMethodDescrObject *)method)->d_method : NULL;
	Py_DECREF(method); /* the type keeps it */
	if (definition == NULL || definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
		PyErr_SetString(PyExc_RuntimeError, "contextvars.Context.run is not what it was");
		return -1;
	}
	context_run = (_PyCFunctionFastWithKeywords)(void (*)(void))definition->ml_meth;
	definition->ml_meth = (PyCFunction)(void (*)(void))announced_context_run;
	return 0;
}

/* In place of the functions themselves, for a loop that calls them from C. Called with the GIL, as they are. */
static int announced_context_enter(PyObject *context)
{
	const int result = PyContext_Enter(context);

	if (result == 0 && PyInterpreterState_Get() == PyInterpreterState_Main())
		announce_present_context();
	return result;
}

static int announced_context_exit(PyObject *context)
{
	const int result = PyContext_Exit(context);

	if (result == 0 && PyInterpreterState_Get() == PyInterpreterState_Main())
		announce_present_context();
	return result;
}

void task_switch_follow_loop(PyObject *module)
{
	const struct got_function functions[] = {
		{ "PyContext_Enter", (uintptr_t)PyContext_Enter, (uintptr_t)announced_context_enter },
		{ "PyContext_Exit", (uintptr_t)PyContext_Exit, (uintptr_t)announced_context_exit },
	};
	/* A static object of the extension: it tells which of the loaded objects the module came from. */
	const PyModuleDef *definition = PyModule_Check(module) ? PyModule_GetDef(module) : NULL;

	if (definition != NULL)
		(void)got_replace(definition, functions, sizeof(functions) / sizeof(functions[0]));
	PyErr_Clear();
}

#endif
