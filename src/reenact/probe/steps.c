/* A step of a training that is like the one before, without a frame of Python: what `Training` (training.py) writes to the trace
 * for a batch, a model's call, a loss and an optimizer's step, where the tensors are plain and in main memory. Between two steps
 * the caches hold the training; there the same takes ten times as long in Python.
 *
 * `Training` hands over with `arm` and takes back with `take`. In between, a function says True when it has written what Python
 * would have written, and False, having changed nothing, when that is for Python to do: a step that is sampled, an evaluation, a
 * subclass of Tensor, another device, a setting that has changed. Nothing is raised but what a signal handler of the program
 * raises. There is one training a process, so the state is static; it belongs to who holds the interpreter's lock. */

#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

uint64_t w64(const void *data, size_t nbytes);
uint64_t w64_fingerprint(const void *data, size_t nbytes);
uint64_t w64_pieces(const uint64_t *table, size_t pieces);
uint64_t w64_combine(const uint64_t *parts, size_t count);
void w64_prepare(void);

#define MOST 16         /* tensors of one event */
#define DIMS 6
#define KNOWN 32        /* modules and optimizers */
#define ROWS 128        /* of the table of names, remembered */
#define ROOM 512        /* events held back … */
#define SPARE 64        /* … at most by so many more than are written out at the end of a step */
#define LARGE (1 << 18) /* bytes: SMALL words of TensorHasher.joint; LONG of native.py */
#define RAW 1

/* What is used of DLPack's interface in C (1.3, dlpack.h): a look at a tensor, without owning it. */
typedef struct {
    void *data;
    int32_t device, device_id, ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} DLTensor;
typedef struct {
    uint32_t major, minor;
    void *previous, *allocator, *from_object, *to_object;
    int (*look)(void *object, DLTensor *out);
} Exchange;
enum { CPU = 1, UINT = 1, FLOAT = 2, BFLOAT = 4, BOOL = 6 };

typedef struct {
    PyObject *tensor; /* owned */
    const unsigned char *data;
    uint64_t nbytes;
    int64_t numel, shape[DIMS];
    int index, ndim; /* index: place in a tuple or list, or -1 */
    uint8_t code, bits;
} Seen;

enum { LOADER, INPUT, OUT, LOSS };
static const struct { uint8_t kind; const char *name; } LABELS[] = {{4, "loader"}, {4, "input"}, {5, "out"}, {6, "loss"}};

typedef struct { int64_t label, count, index, ndim, code, bits, shape[DIMS]; } Key;
static struct { Key key; int used; long row; } rows[ROWS];
static struct { uint8_t kind, flags; uint16_t name; int32_t step; uint64_t value; } events[ROOM];

/* object: borrowed, while ref says that it lives. about: False: a module without parameters; True: a model; a list: the settings
 * of an optimizer (Training._note_hyper). last: its last step since arm, or -1 */
static struct { PyObject *object, *ref, *about; long last; } known[KNOWN];

static int armed, used, next_known;
static long steps, whole, sample; /* done; next step that is Python's as a whole; next step whose end is */
static unsigned long thread;
static double due, interval;
static const Exchange *exchange;
static PyObject *stepping; /* borrowed: the optimizer that is in its step */
static PyObject *named;    /* what `set_up` was given */
static PyObject *loaded;   /* [(weak reference, address, elements, version)] of the loader's batch */
static PyObject *Tensor, *Parameter, *tracing, *modes, *transform, *grad_enabled, *is_neg, *row_of, *flush, *version_name, *groups_name;

/* -- small things ----------------------------------------------------------------------------------------------------- */

/* Forgets an exception, unless it is one that is to end the program. */
static int nothing_raised(void) {
    if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_Exception))
        PyErr_Clear();
    return !PyErr_Occurred();
}

static PyObject *answer(int done) {
    done = done && !PyErr_Occurred();
    return nothing_raised() ? PyBool_FromLong(done) : NULL;
}

static int returns(PyObject *function, PyObject *argument, PyObject *wanted) {
    PyObject *found = PyObject_CallFunctionObjArgs(function, argument, NULL);
    Py_XDECREF(found);
    return found == wanted;
}

static int mine(void) { return armed && steps < whole && PyThread_get_thread_ident() == thread; }

/* Torch is tracing, transforming or dispatching to a mode: then nothing is observed. */
static int busy(void) {
    PyObject *count = PyObject_CallObject(modes, NULL);
    int found = count == NULL || PyLong_AsLong(count) != 0;
    Py_XDECREF(count);
    return found || !returns(tracing, NULL, Py_None) || !returns(transform, NULL, Py_None);
}

static int find(PyObject *object) {
    for (int i = 0; i < KNOWN; i++)
        if (known[i].object == object && returns(known[i].ref, NULL, object))
            return i;
    return -1;
}

/* -- tensors ---------------------------------------------------------------------------------------------------------- */

static int is_plain(PyObject *object) {
    return (PyObject *)Py_TYPE(object) == Tensor || (PyObject *)Py_TYPE(object) == Parameter;
}

/* What there is to know of a tensor whose bytes lie in order in main memory; 0 for all others. See TensorHasher._address. */
static int look(PyObject *tensor, int index, Seen *seen) {
    DLTensor t;
    if (!is_plain(tensor) || exchange->look(tensor, &t) != 0 || t.device != CPU || t.data == NULL || t.ndim > DIMS)
        return 0;
    if (t.lanes != 1 || t.bits < 8 || (t.code == UINT && t.bits != 8))
        return 0;
    if (t.code > FLOAT && t.code != BFLOAT && t.code != BOOL)
        return 0;
    seen->numel = 1;
    for (int i = t.ndim - 1; i >= 0; i--) {
        if (t.shape[i] != 1 && t.strides[i] != seen->numel)
            return 0;
        seen->numel *= seen->shape[i] = t.shape[i];
    }
    if (seen->numel == 0 || !returns(is_neg, tensor, Py_False))
        return 0;
    seen->data = (const unsigned char *)t.data + t.byte_offset;
    seen->nbytes = (uint64_t)seen->numel * (t.bits / 8);
    seen->index = index, seen->ndim = t.ndim, seen->code = t.code, seen->bits = t.bits;
    Py_INCREF(tensor);
    seen->tensor = tensor;
    return 1;
}

static void release(Seen *seen, int count) {
    while (count-- > 0)
        Py_DECREF(seen[count].tensor);
}

/* The tensors in a tensor, a tuple or a list; -1 where there is something else. See leaves.py. */
static int gather(PyObject *value, Seen *seen) {
    if (is_plain(value))
        return look(value, -1, seen) ? 1 : -1;
    if (!PyTuple_CheckExact(value) && !PyList_CheckExact(value))
        return -1;
    int count = 0;
    for (Py_ssize_t i = 0; i < PySequence_Size(value); i++) {
        PyObject *item = PyTuple_CheckExact(value) ? PyTuple_GetItem(value, i) : PyList_GetItem(value, i);
        if (item == Py_None || PyLong_Check(item) || PyFloat_Check(item) || PyUnicode_Check(item))
            continue;
        if (count == MOST || !look(item, (int)i, &seen[count])) {
            release(seen, count);
            return -1;
        }
        count++;
    }
    return count;
}

static long long version_of(PyObject *tensor) {
    PyObject *version = PyObject_GetAttr(tensor, version_name);
    if (version == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError))
        PyErr_Clear(); /* it was made in inference mode */
    long long number = version == NULL ? -1 : PyLong_AsLongLong(version);
    Py_XDECREF(version);
    return number;
}

/* -- events ----------------------------------------------------------------------------------------------------------- */

/* One fingerprint for all: TensorHasher.value, or .joint and `combine`. */
static uint64_t sum_up(const Seen *seen, int count) {
    uint64_t table[2 * MOST], parts[2 * MOST + 2] = {0}; /* the small ones, laid end to end, are the first part */
    size_t small = 0, all = 1;
    if (count == 1)
        return w64_fingerprint(seen->data, seen->nbytes);
    for (int i = 0; i < count; i++)
        if (seen[i].nbytes > LARGE) {
            parts[2 * all] = w64(seen[i].data, seen[i].nbytes);
            parts[2 * all++ + 1] = seen[i].nbytes;
        } else {
            table[2 * small] = (uint64_t)(uintptr_t)seen[i].data;
            table[2 * small++ + 1] = seen[i].nbytes;
            parts[1] += seen[i].nbytes;
        }
    if (small)
        parts[0] = w64_pieces(table, small);
    return small ? w64_combine(parts, all) : w64_combine(parts + 2, all - 1);
}

/* The row of the table of names for such an event: remembered, or from Trace.row; negative where that failed. */
static long row(int label, const Seen *seen, int count) {
    Key key = {label, count, 0, 0, 0, 0, {0}};
    if (count == 1) {
        key.index = seen->index, key.ndim = seen->ndim, key.code = seen->code, key.bits = seen->bits;
        memcpy(key.shape, seen->shape, (size_t)seen->ndim * sizeof(int64_t));
    }
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof key / sizeof(int64_t); i++)
        hash = hash * 31 + ((uint64_t *)&key)[i];
    hash %= ROWS;
    if (rows[hash].used && memcmp(&rows[hash].key, &key, sizeof key) == 0)
        return rows[hash].row;
    const char *shown = count > 1 ? "%s (%d tensors)" : seen->index < 0 ? "%s" : "%s[%d]";
    int kind = LABELS[label].kind;
    PyObject *name = PyUnicode_FromFormat(shown, LABELS[label].name, count > 1 ? count : seen->index), *found = NULL;
    PyObject *dtype = count > 1 ? NULL : PyObject_GetAttrString(seen->tensor, "dtype");
    PyObject *shape = count > 1 ? NULL : PyObject_GetAttrString(seen->tensor, "shape");
    if (name != NULL && !PyErr_Occurred())
        found = PyObject_CallFunction(row_of, "iOOO", kind, name, dtype ? dtype : Py_None, shape ? shape : Py_None);
    rows[hash].key = key, rows[hash].row = found ? PyLong_AsLong(found) : -1, rows[hash].used = found != NULL;
    Py_XDECREF(name);
    Py_XDECREF(dtype);
    Py_XDECREF(shape);
    Py_XDECREF(found);
    return rows[hash].row;
}

static int emit(int label, const Seen *seen, int count, uint64_t value, int flags) {
    long name = row(label, seen, count);
    if (name < 0 || used == ROOM)
        return 0;
    events[used].kind = LABELS[label].kind, events[used].flags = (uint8_t)flags, events[used].name = (uint16_t)name;
    events[used].step = (int32_t)steps, events[used].value = value;
    used++;
    return 1;
}

static int emit_sum(int label, const Seen *seen, int count) {
    uint64_t nbytes = 0, value;
    for (int i = 0; i < count; i++)
        nbytes += seen[i].nbytes;
    PyThreadState *state = nbytes < LARGE ? NULL : PyEval_SaveThread();
    value = count ? sum_up(seen, count) : 0;
    if (state != NULL)
        PyEval_RestoreThread(state);
    return count == 0 || emit(label, seen, count, value, 0);
}

/* -- what happens in a step ------------------------------------------------------------------------------------------- */

static PyObject *batch_loaded(PyObject *self, PyObject *batch) {
    Seen seen[MOST];
    int count = mine() ? gather(batch, seen) : 0;
    PyObject *list = count > 0 ? PyList_New(0) : NULL;
    for (int i = 0; list != NULL && i < count; i++) {
        long long version = version_of(seen[i].tensor);
        PyObject *ref = PyWeakref_NewRef(seen[i].tensor, NULL);
        PyObject *item = NULL;
        if (ref != NULL)
            item = Py_BuildValue("NnLL", ref, (Py_ssize_t)seen[i].data, (long long)seen[i].numel, version);
        if (item == NULL || PyList_Append(list, item) != 0 || PyErr_Occurred())
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    int done = list != NULL && emit_sum(LOADER, seen, count);
    if (done) {
        PyObject *before = loaded;
        loaded = list, list = before;
    }
    release(seen, count);
    Py_XDECREF(list);
    return answer(done);
}

/* True where the loader's batch holds the same bytes: see Training._is_loaded. */
static int is_loaded(const Seen *seen) {
    for (Py_ssize_t i = 0; i < PyList_Size(loaded); i++) {
        PyObject *ref;
        Py_ssize_t address;
        long long numel, version;
        if (!PyArg_ParseTuple(PyList_GetItem(loaded, i), "OnLL", &ref, &address, &numel, &version))
            return 0;
        PyObject *same = PyObject_CallObject(ref, NULL);
        Py_XDECREF(same);
        if (same == seen->tensor || (same != NULL && same != Py_None && address == (Py_ssize_t)seen->data))
            return numel == seen->numel && version_of(seen->tensor) == version;
    }
    return 0;
}

/* (module, args, kwargs, output): a module that is in no other has returned. */
static PyObject *returned(PyObject *self, PyObject *all) {
    Seen in[MOST], out[MOST];
    PyObject *module, *args, *kwargs, *output;
    if (!mine() || !PyArg_ParseTuple(all, "OOOO", &module, &args, &kwargs, &output))
        return answer(0);
    int place = find(module), mark = used, others = 0;
    if (place < 0 || known[place].about == Py_False || busy())
        return answer(place >= 0);
    if (PyDict_Size(kwargs) > 0 || !returns(grad_enabled, NULL, Py_True))
        return answer(0);
    int inputs = gather(args, in), outputs = inputs < 0 ? -1 : gather(output, out);
    for (int i = 0; outputs >= 0 && i < inputs; i++)
        if (!is_loaded(&in[i])) { /* to the front */
            Seen moved = in[i];
            in[i] = in[others], in[others++] = moved;
        }
    int done = outputs >= 0 && emit_sum(INPUT, in, others) && emit_sum(OUT, out, outputs) && !PyErr_Occurred();
    if (!done && used > mark)
        used = mark;
    release(in, inputs);
    release(out, outputs);
    return answer(done);
}

static PyObject *backward_from(PyObject *self, PyObject *loss) {
    Seen seen;
    if (!mine() || !is_plain(loss))
        return answer(0);
    if (busy())
        return answer(1);
    if (!look(loss, -1, &seen))
        return answer(0);
    int done = 0;
    if (seen.numel == 1 && seen.code == FLOAT && seen.bits >= 32) {
        union { float narrow; double wide; uint64_t bits; } number;
        memcpy(&number, seen.data, seen.bits / 8);
        if (seen.bits == 32)
            number.wide = (double)number.narrow;
        done = emit(LOSS, &seen, 1, number.bits, RAW);
    }
    release(&seen, 1);
    return answer(done);
}

static PyObject *before_step(PyObject *self, PyObject *optimizer) {
    if (!mine() || stepping != NULL || find(optimizer) < 0)
        return answer(0);
    stepping = optimizer;
    return answer(1);
}

/* True where all param groups have the settings that were written: see Training._note_hyper. */
static int same_settings(PyObject *optimizer, PyObject *settings) {
    PyObject *groups = PyObject_GetAttr(optimizer, groups_name);
    int same = groups != NULL && PyList_CheckExact(groups) && PyList_Size(groups) == PyList_Size(settings);
    for (Py_ssize_t i = 0; same && i < PyList_Size(settings); i++) {
        PyObject *read, *values, *group = PyList_GetItem(groups, i);
        Py_ssize_t size;
        same = PyArg_ParseTuple(PyList_GetItem(settings, i), "nOO", &size, &read, &values) && PyObject_Size(group) == size;
        PyObject *now = same ? PyObject_CallFunctionObjArgs(read, group, NULL) : NULL;
        same = now != NULL && PyObject_RichCompareBool(now, values, Py_EQ) == 1;
        Py_XDECREF(now);
    }
    Py_XDECREF(groups);
    return same;
}

static PyObject *after_step(PyObject *self, PyObject *optimizer) {
    int place = mine() && stepping == optimizer && steps < sample ? find(optimizer) : -1;
    if (place < 0 || !PyList_CheckExact(known[place].about) || !same_settings(optimizer, known[place].about))
        return answer(0);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    stepping = NULL;
    known[place].last = steps++;
    if (seconds >= due || used > ROOM - SPARE) {
        due = seconds + interval;
        Py_XDECREF(PyObject_CallObject(flush, NULL));
    }
    return nothing_raised() ? PyBool_FromLong(1) : NULL;
}

/* -- handing over and taking back --------------------------------------------------------------------------------------- */

static PyObject *set_up(PyObject *self, PyObject *args) {
    PyObject *capsule;
    if (!PyArg_ParseTuple(args, "kdOOOOOOOOOO", &thread, &interval, &Tensor, &Parameter, &capsule, &tracing, &modes,
                          &transform, &grad_enabled, &is_neg, &row_of, &flush))
        return NULL;
    PyObject *before = named; /* held until now, and with it all that was named: a job of a sweep sets up anew */
    Py_INCREF(args);
    named = args;
    exchange = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
    version_name = PyUnicode_InternFromString("_version");
    groups_name = PyUnicode_InternFromString("param_groups");
    armed = used = 0;
    for (int i = 0; i < KNOWN; i++) {
        Py_XDECREF(known[i].ref);
        Py_XDECREF(known[i].about);
    }
    memset(rows, 0, sizeof rows);
    memset(known, 0, sizeof known);
    if (exchange != NULL && (exchange->major != 1 || exchange->look == NULL))
        PyErr_SetString(PyExc_ImportError, "torch speaks another DLPack");
    Py_XDECREF(before);
    return PyErr_Occurred() ? NULL : PyBool_FromLong(1);
}

static PyObject *set_thread(PyObject *self, PyObject *number) {
    thread = PyLong_AsUnsignedLong(number);
    return answer(1);
}

/* (object, weak reference, about) */
static PyObject *meet(PyObject *self, PyObject *args) {
    PyObject *object, *ref, *about;
    if (!PyArg_ParseTuple(args, "OOO", &object, &ref, &about))
        return NULL;
    int place = -1;
    for (int i = 0; i < KNOWN; i++)
        if (known[i].object == object || (place < 0 && (known[i].object == NULL || returns(known[i].ref, NULL, Py_None))))
            place = i;
    if (place < 0)
        place = next_known++ % KNOWN;
    PyObject *before[] = {known[place].ref, known[place].about};
    Py_INCREF(ref);
    Py_INCREF(about);
    known[place].object = object, known[place].ref = ref, known[place].about = about, known[place].last = -1;
    Py_XDECREF(before[0]);
    Py_XDECREF(before[1]);
    return answer(1);
}

/* (steps, whole, sample, loaded) */
static PyObject *arm(PyObject *self, PyObject *args) {
    PyObject *list, *before = loaded;
    if (!PyArg_ParseTuple(args, "lllO!", &steps, &whole, &sample, &PyList_Type, &list))
        return NULL;
    Py_INCREF(list);
    loaded = list, stepping = NULL, armed = 1;
    Py_XDECREF(before);
    return answer(1);
}

/* (steps, loaded, {id of an optimizer: its last step}, id of the one that is in its step, or 0) */
static PyObject *take(PyObject *self, PyObject *nothing) {
    PyObject *last = PyDict_New();
    armed = 0;
    for (int i = 0; last != NULL && i < KNOWN; i++)
        if (known[i].object != NULL && known[i].last >= 0) {
            PyObject *key = PyLong_FromVoidPtr(known[i].object), *step = PyLong_FromLong(known[i].last);
            if (key != NULL && step != NULL)
                PyDict_SetItem(last, key, step);
            Py_XDECREF(key);
            Py_XDECREF(step);
            known[i].last = -1;
        }
    return last == NULL ? NULL : Py_BuildValue("lONN", steps, loaded, last, PyLong_FromVoidPtr(stepping));
}

/* The records written since the last time. */
static PyObject *drain(PyObject *self, PyObject *nothing) {
    PyObject *found = PyBytes_FromStringAndSize((const char *)events, (Py_ssize_t)sizeof events[0] * used);
    used = found == NULL ? used : 0;
    return found;
}

static PyMethodDef functions[] = {
    {"set_up", set_up, METH_VARARGS, NULL},     {"set_thread", set_thread, METH_O, NULL},  {"meet", meet, METH_VARARGS, NULL},
    {"arm", arm, METH_VARARGS, NULL},           {"take", take, METH_NOARGS, NULL},         {"drain", drain, METH_NOARGS, NULL},
    {"loaded", batch_loaded, METH_O, NULL},     {"returned", returned, METH_VARARGS, NULL},
    {"backward", backward_from, METH_O, NULL},  {"before_step", before_step, METH_O, NULL},
    {"after_step", after_step, METH_O, NULL},   {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_steps", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__steps(void) {
    w64_prepare();
    return PyModuleDef_Init(&definition);
}
