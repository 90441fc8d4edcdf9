/* The audit hook of the probe, compiled: hands on the few events that somebody listens to.
 *
 * The interpreter raises tens of thousands of events (one for each id()) before a Hydra app's first line. For a hook that is written in Python it
 * makes a string of the name, asks for an attribute of the hook and calls it; for this one it calls a function. audit.py does
 * without where this was not built, or the interpreter has not what is looked for below.
 *
 * Limited API of Python 3.9: one file for all versions. What is declared here is not part of it, but exported by all.
 */
#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <string.h>

#define MOST 64

extern int PySys_AddAuditHook(int (*hook)(const char *, PyObject *, void *), void *data);

static char names[MOST][48];
static int count;
static unsigned char first[256]; /* letters that a name begins with */
static PyObject *handler;
static PyInterpreterState *interpreter;
static void (*enter_tracing)(PyThreadState *), (*leave_tracing)(PyThreadState *);

static int heard(const char *event, PyObject *args, void *data)
{
    (void)data;
    if (!first[(unsigned char)*event] || handler == NULL)
        return 0;
    int index = 0;
    while (index < count && strcmp(event, names[index]) != 0)
        index++;
    if (index == count || PyInterpreterState_Get() != interpreter)
        return 0;
    if (index == 0) { /* cpython.PyInterpreterState_Clear: nothing of ours can be called any more */
        handler = NULL;
        return 0;
    }
    /* As the interpreter does for a hook in Python: a debugger or a profiler of the program does not see it. */
    PyThreadState *state = PyThreadState_Get();
    enter_tracing(state);
    PyObject *name = PyUnicode_FromString(event);
    PyObject *result = name == NULL ? NULL : PyObject_CallFunctionObjArgs(handler, name, args, NULL);
    Py_XDECREF(name);
    leave_tracing(state);
    if (result == NULL)
        return -1;
    Py_DECREF(result);
    return 0;
}

static int add(const char *name)
{
    for (int index = 0; index < count; index++)
        if (strcmp(name, names[index]) == 0)
            return 0;
    if (count == MOST || strlen(name) >= sizeof names[0]) {
        PyErr_SetString(PyExc_ValueError, "too many events, or too long a name");
        return -1;
    }
    strcpy(names[count], name);
    count++;
    first[(unsigned char)*name] = 1;
    return 0;
}

static PyObject *install(PyObject *module, PyObject *function)
{
    (void)module;
    *(void **)&enter_tracing = dlsym(RTLD_DEFAULT, "PyThreadState_EnterTracing");
    *(void **)&leave_tracing = dlsym(RTLD_DEFAULT, "PyThreadState_LeaveTracing");
    if (handler != NULL || enter_tracing == NULL || leave_tracing == NULL)
        Py_RETURN_FALSE;
    if (add("cpython.PyInterpreterState_Clear") < 0)
        return NULL;
    interpreter = PyInterpreterState_Get();
    Py_INCREF(function);
    handler = function;
    if (PySys_AddAuditHook(heard, NULL) < 0) {
        handler = NULL;
        Py_DECREF(function);
        return NULL;
    }
    Py_RETURN_TRUE;
}

static PyObject *listen(PyObject *module, PyObject *event)
{
    (void)module;
    PyObject *bytes = PyUnicode_AsUTF8String(event);
    if (bytes == NULL)
        return NULL;
    int added = add(PyBytes_AsString(bytes));
    Py_DECREF(bytes);
    if (added < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"install", install, METH_O, "Calls function(event, args) at the events that are listened to; False where it cannot."},
    {"listen", listen, METH_O, "Adds an event by its name."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_audit", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__audit(void)
{
    return PyModule_Create(&definition);
}
