/* The steps of a training that are like the one before, without a frame of Python: what `Training` (training.py) writes to the
 * trace for a batch, a model's call, a loss and an optimizer's step, for plain tensors on the CPU. Between two steps the caches
 * hold the training; there the same in Python takes ten times as long.
 *
 * `Training` hands a state over with `arm` and gets it back with `take`. Until then every function here says True when it has
 * written what Python would have written, and False, having changed nothing, when that is for Python to do: a step that is
 * sampled, an evaluation, a subclass of Tensor, another device, a setting that has changed. Nothing here raises, but what a
 * signal handler of the program raises. One training a process: the state is static, under the interpreter's lock. */

#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>
#include <time.h>

uint64_t w64(const void *data, size_t nbytes);
uint64_t w64_fingerprint(const void *data, size_t nbytes);
uint64_t w64_pieces(const uint64_t *table, size_t pieces);
uint64_t w64_combine(const uint64_t *parts, size_t count);
void w64_prepare(void);

#define MOST 16        /* tensors of one event */
#define DIMS 6
#define ROWS 128       /* of the table of names, remembered */
#define KNOWN 16       /* models, and optimizers */
#define ROOM 512       /* events held back */
#define LARGE (1 << 18) /* bytes: see TensorHasher.joint, and native.LONG */
#define RAW 1

/* The part of DLPack's C interface (version 1.3, dlpack.h) that is used: a look at a tensor, without owning it. */
typedef struct {
    void *data;
    int32_t device_type, device_id, ndim;
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
enum { CPU = 1, FLOAT = 2, BFLOAT = 4, BOOL = 6 };

typedef struct {
    PyObject *tensor; /* owned */
    const unsigned char *data;
    uint64_t nbytes;
    int64_t numel, shape[DIMS];
    int index, ndim; /* index: place in a tuple, or -1 */
    uint8_t code, bits;
} Seen;

enum { LOADER, INPUT, OUT, LOSS };
static const struct { uint8_t kind; const char *name; } LABELS[] = {{4, "loader"}, {4, "input"}, {5, "out"}, {6, "loss"}};

static struct { uint8_t used, label, code, bits; int index, ndim, count; uint16_t row; int64_t shape[DIMS]; } rows[ROWS];
static struct { PyObject *object, *ref, *settings; long last; } models[KNOWN], optimizers[KNOWN]; /* object: borrowed */
static struct { uint8_t kind, flags; uint16_t name; int32_t step; uint64_t value; } events[ROOM];

static int armed, depth, used, next_model;
static long steps, whole, sample; /* done; next step that is Python's as a whole; next whose end is */
static unsigned long thread;
static double due, interval;
static PyObject *stepping, *loaded; /* borrowed optimizer in its step; list of (weak reference, address, elements, version) */
static PyObject *Tensor, *Parameter, *tracing, *modes, *transform, *grad_enabled, *is_neg, *row_of, *flush;
static const Exchange *exchange;

/* -- answers ------------------------------------------------------------------------------------------------------ */

static PyObject *answer(int done) {
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
        done = 0;
    }
    return PyBool_FromLong(done);
}

/* True where a function of no arguments, or of one, returns that object. */
static int returns(PyObject *function, PyObject *argument, PyObject *wanted) {
    PyObject *found = PyObject_CallFunctionObjArgs(function, argument, NULL);
    Py_XDECREF(found);
    return found == wanted;
}

static int mine(void) { return armed && PyThread_get_thread_ident() == thread && steps < whole; }

/* Torch is tracing, transforming or dispatching to a mode: then nothing is observed. */
static int busy(void) {
    PyObject *count = PyObject_CallObject(modes, NULL);
    int found = count == NULL || PyLong_AsLong(count) > 0;
    Py_XDECREF(count);
    return found || !returns(tracing, NULL, Py_None) || !returns(transform, NULL, Py_None);
}

/* -- tensors ------------------------------------------------------------------------------------------------------ */

static int is_plain(PyObject *object) { return (PyObject *)Py_TYPE(object) == Tensor || (PyObject *)Py_TYPE(object) == Parameter; }

/* What can be known of a tensor whose bytes lie in order in memory; 0 for all others. */
static int look(PyObject *tensor, int index, Seen *seen) {
    DLTensor found;
    if (!is_plain(tensor) || exchange->look(tensor, &found) != 0 || found.device_type != CPU || found.data == NULL)
        return 0;
    if (found.ndim > DIMS || found.lanes != 1 || found.bits < 8 || (found.code > FLOAT && found.code != BFLOAT && found.code != BOOL))
        return 0;
    if (found.code == 1 && found.bits != 8) /* uint16 … are not among PLAIN_DTYPES */
        return 0;
    seen->numel = 1;
    for (int i = found.ndim - 1; i >= 0; i--) {
        if (found.shape[i] != 1 && found.strides[i] != seen->numel)
            return 0;
        seen->numel *= seen->shape[i] = found.shape[i];
    }
    if (seen->numel == 0 || !returns(is_neg, tensor, Py_False))
        return 0;
    seen->data = (const unsigned char *)found.data + found.byte_offset;
    seen->nbytes = (uint64_t)seen->numel * (found.bits / 8);
    seen->ndim = found.ndim, seen->code = found.code, seen->bits = found.bits, seen->index = index;
    Py_INCREF(tensor);
    seen->tensor = tensor;
    return 1;
}

static void release(Seen *seen, int count) {
    while (count-- > 0)
        Py_DECREF(seen[count].tensor);
}

/* The tensors in a tensor, or in a tuple or list from `first` on; -1 where there is something else. See leaves.py. */
static int gather(PyObject *value, int first, Seen *seen) {
    if (is_plain(value))
        return look(value, -1, seen) ? 1 : -1;
    int is_tuple = Py_TYPE(value) == &PyTuple_Type, count = 0;
    if (!is_tuple && Py_TYPE(value) != &PyList_Type)
        return -1;
    Py_ssize_t size = is_tuple ? PyTuple_Size(value) : PyList_Size(value);
    for (Py_ssize_t i = first; i < size; i++) {
        PyObject *item = is_tuple ? PyTuple_GetItem(value, i) : PyList_GetItem(value, i);
        if (item == Py_None || PyLong_CheckExact(item) || PyBool_Check(item) || PyFloat_CheckExact(item) || PyUnicode_CheckExact(item))
            continue;
        if (count == MOST || !look(item, (int)i - first, &seen[count])) {
            release(seen, count);
            return -1;
        }
        count++;
    }
    return count;
}

static long long version_of(PyObject *tensor) {
    PyObject *version = PyObject_GetAttrString(tensor, "_version");
    if (version == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError))
        PyErr_Clear(); /* made in inference mode */
    long long number = version == NULL ? -1 : PyLong_AsLongLong(version);
    Py_XDECREF(version);
    return number;
}

/* -- events ------------------------------------------------------------------------------------------------------- */

static uint64_t sum_up(const Seen *seen, int count) {
    uint64_t table[2 * MOST], parts[2 * MOST + 2] = {0};
    int small = 0, large = 1;
    if (count == 1)
        return w64_fingerprint(seen->data, seen->nbytes);
    for (int i = 0; i < count; i++) {
        if (seen[i].nbytes > LARGE) {
            parts[2 * large] = w64(seen[i].data, seen[i].nbytes);
            parts[2 * large++ + 1] = seen[i].nbytes;
        } else {
            table[2 * small] = (uint64_t)(uintptr_t)seen[i].data;
            table[2 * small++ + 1] = seen[i].nbytes;
            parts[1] += seen[i].nbytes;
        }
    }
    if (!small)
        return w64_combine(parts + 2, (size_t)large - 1);
    parts[0] = w64_pieces(table, (size_t)small);
    return w64_combine(parts, (size_t)large);
}

/* Row of the table of names, or -1: remembered, or from Trace.row. */
static long row(int label, const Seen *seen, int count) {
    uint64_t hash = (uint64_t)label * 31 + (uint64_t)count;
    int ndim = count == 1 ? seen->ndim : 0, index = count == 1 ? seen->index : 0;
    for (int i = 0; i < ndim; i++)
        hash = hash * 31 + (uint64_t)seen->shape[i];
    hash = (hash + (uint64_t)index) % ROWS;
    size_t size = (size_t)ndim * sizeof(int64_t);
    uint8_t code = count == 1 ? seen->code : 0, bits = count == 1 ? seen->bits : 0;
    if (rows[hash].used && rows[hash].label == label && rows[hash].count == count && rows[hash].index == index &&
        rows[hash].ndim == ndim && rows[hash].code == code && rows[hash].bits == bits &&
        memcmp(rows[hash].shape, seen->shape, size) == 0)
        return rows[hash].row;
    PyObject *found;
    const char *name = LABELS[label].name;
    if (count == 1) {
        PyObject *dtype = PyObject_GetAttrString(seen->tensor, "dtype"), *shape = PyObject_GetAttrString(seen->tensor, "shape");
        PyObject *text = index < 0 ? PyUnicode_FromString(name) : PyUnicode_FromFormat("%s[%d]", name, index);
        found = dtype && shape && text ? PyObject_CallFunction(row_of, "iOOO", LABELS[label].kind, text, dtype, shape) : NULL;
        Py_XDECREF(dtype), Py_XDECREF(shape), Py_XDECREF(text);
    } else {
        PyObject *text = PyUnicode_FromFormat("%s (%d tensors)", name, count);
        found = text ? PyObject_CallFunction(row_of, "iOOO", LABELS[label].kind, text, Py_None, Py_None) : NULL;
        Py_XDECREF(text);
    }
    long number = found ? PyLong_AsLong(found) : -1;
    Py_XDECREF(found);
    if (number < 0 || PyErr_Occurred())
        return -1;
    rows[hash].used = 1, rows[hash].label = (uint8_t)label, rows[hash].count = count, rows[hash].index = index;
    rows[hash].ndim = ndim, rows[hash].code = code, rows[hash].bits = bits, rows[hash].row = (uint16_t)number;
    memcpy(rows[hash].shape, seen->shape, size);
    return number;
}

static int emit(int label, const Seen *seen, int count, uint64_t value, int flags) {
    long name = row(label, seen, count);
    if (name < 0 || used == ROOM)
        return 0;
    events[used].kind = LABELS[label].kind, events[used].flags = (uint8_t)flags, events[used].name = (uint16_t)name;
    events[used].step = (int32_t)steps, events[used++].value = value;
    return 1;
}

static int emit_sum(int label, const Seen *seen, int count) {
    uint64_t nbytes = 0, value;
    for (int i = 0; i < count; i++)
        nbytes += seen[i].nbytes;
    if (nbytes < LARGE)
        return emit(label, seen, count, sum_up(seen, count), 0);
    Py_BEGIN_ALLOW_THREADS
    value = sum_up(seen, count);
    Py_END_ALLOW_THREADS
    return emit(label, seen, count, value, 0);
}

/* -- what happens in a step --------------------------------------------------------------------------------------- */

static PyObject *batch_loaded(PyObject *self, PyObject *batch) {
    Seen seen[MOST];
    int mark = used, count, done = 0;
    if (!mine() || (count = gather(batch, 0, seen)) <= 0)
        return answer(0);
    PyObject *list = PyList_New(0);
    if (list != NULL && emit_sum(LOADER, seen, count) && !PyErr_Occurred()) {
        done = 1;
        for (int i = 0; done && i < count; i++) {
            PyObject *ref = PyWeakref_NewRef(seen[i].tensor, NULL);
            long long version = version_of(seen[i].tensor);
            PyObject *item = ref == NULL ? NULL : Py_BuildValue("NKLL", ref, (unsigned long long)(uintptr_t)seen[i].data, (long long)seen[i].numel, version);
            done = item != NULL && PyList_Append(list, item) == 0 && !PyErr_Occurred();
            Py_XDECREF(item);
        }
    }
    release(seen, count);
    if (done) {
        PyObject *before = loaded;
        loaded = list;
        Py_XDECREF(before);
    } else {
        used = mark;
        Py_XDECREF(list);
    }
    return answer(done);
}

/* True when the loader's batch holds the same bytes: see Training._is_loaded. */
static int is_loaded(const Seen *seen) {
    for (Py_ssize_t i = 0; loaded != NULL && i < PyList_Size(loaded); i++) {
        PyObject *ref;
        unsigned long long address;
        long long numel, version;
        if (!PyArg_ParseTuple(PyList_GetItem(loaded, i), "OKLL", &ref, &address, &numel, &version))
            return 0;
        PyObject *same = PyObject_CallObject(ref, NULL);
        Py_XDECREF(same);
        if (same == seen->tensor || (same != NULL && same != Py_None && (uintptr_t)seen->data == address))
            return numel == seen->numel && version_of(seen->tensor) == version;
    }
    return 0;
}

/* 1: written, or nothing to write; 0: for Python. Arguments are args[1:]. */
static int called(PyObject *module, PyObject *args, PyObject *kwargs, PyObject *output) {
    Seen in[MOST], out[MOST];
    int known = 0, mark = used;
    while (known < KNOWN && models[known].object != module)
        known++;
    if (!mine() || known == KNOWN || !returns(models[known].ref, NULL, module))
        return 0;
    if (!models[known].last || busy())
        return !PyErr_Occurred();
    if ((kwargs != NULL && PyDict_Size(kwargs) > 0) || !returns(grad_enabled, NULL, Py_True))
        return 0;
    int inputs = gather(args, 1, in), kept = 0;
    if (inputs < 0)
        return 0;
    int outputs = gather(output, 0, out), done = 0;
    if (outputs >= 0) {
        for (int i = 0; i < inputs; i++) /* those of the loader go to the end, to be released with the others */
            if (!is_loaded(&in[i])) {
                Seen moved = in[i];
                in[i] = in[kept], in[kept++] = moved;
            }
        done = (kept == 0 || emit_sum(INPUT, in, kept)) && (outputs == 0 || emit_sum(OUT, out, outputs)) && !PyErr_Occurred();
        release(out, outputs);
    }
    release(in, inputs);
    if (!done)
        used = mark;
    return done;
}

static PyObject *backward_from(PyObject *self, PyObject *loss) {
    Seen seen;
    int done = 0;
    if (!mine() || !is_plain(loss))
        return answer(0);
    if (busy())
        return answer(1);
    if (!look(loss, -1, &seen))
        return answer(0);
    if (seen.numel == 1 && seen.code == FLOAT && seen.bits >= 32) {
        float narrow;
        double number;
        uint64_t value;
        memcpy(&number, seen.data, seen.bits / 8);
        if (seen.bits == 32) {
            memcpy(&narrow, seen.data, 4);
            number = (double)narrow;
        }
        memcpy(&value, &number, 8);
        done = emit(LOSS, &seen, 1, value, RAW);
    }
    release(&seen, 1);
    return answer(done);
}

static int known_optimizer(PyObject *optimizer) {
    for (int i = 0; i < KNOWN; i++)
        if (optimizers[i].object == optimizer && returns(optimizers[i].ref, NULL, optimizer))
            return i;
    return -1;
}

static PyObject *before_step(PyObject *self, PyObject *optimizer) {
    if (!mine() || stepping != NULL || known_optimizer(optimizer) < 0)
        return answer(0);
    stepping = optimizer;
    return answer(1);
}

/* True when the settings of all param groups are those that were written: see Training._note_hyper. */
static int same_settings(PyObject *optimizer, PyObject *settings) {
    PyObject *groups = PyObject_GetAttrString(optimizer, "param_groups");
    int same = groups != NULL && PyList_Check(groups) && PyList_Size(groups) == PyList_Size(settings);
    for (Py_ssize_t i = 0; same && i < PyList_Size(settings); i++) {
        PyObject *group = PyList_GetItem(groups, i), *read, *values;
        Py_ssize_t size;
        same = group != NULL && PyArg_ParseTuple(PyList_GetItem(settings, i), "nOO", &size, &read, &values) && PyObject_Size(group) == size;
        PyObject *now = same ? PyObject_CallFunctionObjArgs(read, group, NULL) : NULL;
        same = now != NULL && PyObject_RichCompareBool(now, values, Py_EQ) == 1;
        Py_XDECREF(now);
    }
    Py_XDECREF(groups);
    return same;
}

static PyObject *after_step(PyObject *self, PyObject *optimizer) {
    int known;
    if (!mine() || stepping != optimizer || steps >= sample || (known = known_optimizer(optimizer)) < 0)
        return answer(0);
    if (!same_settings(optimizer, optimizers[known].settings))
        return answer(0);
    stepping = NULL;
    optimizers[known].last = steps++;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (seconds >= due || used > ROOM - 64) {
        due = seconds + interval;
        Py_XDECREF(PyObject_CallObject(flush, NULL));
        if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_Exception))
            PyErr_Clear();
    }
    return PyErr_Occurred() ? NULL : answer(1);
}

/* -- a wrapper of torch.nn.Module.__call__ that costs the modules inside another nothing ----------------------------- */

typedef struct {
    PyObject_HEAD
    PyObject *original, *seen, *method, *dict;
} Call;

static PyObject *call(PyObject *object, PyObject *args, PyObject *kwargs) {
    Call *self = (Call *)object;
    if (depth || PyThread_get_thread_ident() != thread || PyTuple_Size(args) < 1)
        return PyObject_Call(self->original, args, kwargs);
    depth = 1;
    PyObject *output = PyObject_Call(self->original, args, kwargs);
    depth = 0;
    if (output == NULL)
        return NULL;
    PyObject *module = PyTuple_GetItem(args, 0), *told = NULL;
    int done = called(module, args, kwargs, output);
    if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_Exception))
        PyErr_Clear();
    if (!done && !PyErr_Occurred()) {
        PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_Size(args));
        told = rest == NULL ? NULL : PyObject_CallFunctionObjArgs(self->seen, module, rest, kwargs ? kwargs : Py_None, output, NULL);
        Py_XDECREF(rest);
        Py_XDECREF(told);
    }
    if (PyErr_Occurred())
        Py_CLEAR(output);
    return output;
}

static PyObject *bind(PyObject *self, PyObject *object, PyObject *type) {
    if (object == NULL || object == Py_None) {
        Py_INCREF(self);
        return self;
    }
    return PyObject_CallFunctionObjArgs(((Call *)self)->method, self, object, NULL);
}

static PyObject *names_of(PyObject *self, void *nothing) {
    PyObject *dict = ((Call *)self)->dict;
    if (dict == NULL)
        dict = ((Call *)self)->dict = PyDict_New();
    Py_XINCREF(dict);
    return dict;
}

static PyMemberDef call_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Call, dict), READONLY, NULL}, {NULL, 0, 0, 0, NULL}};
static PyGetSetDef call_getset[] = {{"__dict__", names_of, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot call_slots[] = {{Py_tp_call, call}, {Py_tp_descr_get, bind}, {Py_tp_members, call_members}, {Py_tp_getset, call_getset}, {0, NULL}};
static PyType_Spec call_spec = {"_reenact.Call", sizeof(Call), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_METHOD_DESCRIPTOR, call_slots};

static PyObject *wrap(PyObject *self, PyObject *args) {
    static PyObject *type;
    PyObject *original, *seen, *method;
    if (!PyArg_ParseTuple(args, "OOO", &original, &seen, &method) || (!type && !(type = PyType_FromSpec(&call_spec))))
        return NULL;
    Call *made = (Call *)PyType_GenericAlloc((PyTypeObject *)type, 0); /* lives as long as the process */
    if (made == NULL)
        return NULL;
    Py_INCREF(original), Py_INCREF(seen), Py_INCREF(method);
    made->original = original, made->seen = seen, made->method = method;
    return (PyObject *)made;
}

/* -- handing over --------------------------------------------------------------------------------------------------- */

/* (Tensor, Parameter, capsule of DLPack's interface, tracing, modes, transform, grad_enabled, is_neg, row, flush, interval) */
static PyObject *set_up(PyObject *self, PyObject *args) {
    PyObject *capsule;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOOd", &Tensor, &Parameter, &capsule, &tracing, &modes, &transform, &grad_enabled, &is_neg, &row_of, &flush, &interval))
        return NULL;
    Py_INCREF(args); /* and all that is in it, for as long as the process lives */
    exchange = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
    armed = used = 0, stepping = NULL;
    memset(models, 0, sizeof models), memset(optimizers, 0, sizeof optimizers), memset(rows, 0, sizeof rows);
    if (exchange != NULL && (exchange->major != 1 || exchange->look == NULL))
        PyErr_SetString(PyExc_ImportError, "another DLPack");
    return PyErr_Occurred() ? NULL : PyBool_FromLong(1);
}

static PyObject *set_thread(PyObject *self, PyObject *number) {
    thread = PyLong_AsUnsignedLong(number);
    return answer(1);
}

/* (model, weak reference, has parameters) */
static PyObject *meet_model(PyObject *self, PyObject *args) {
    PyObject *model, *ref;
    int trains, i = 0;
    if (!PyArg_ParseTuple(args, "OOi", &model, &ref, &trains))
        return NULL;
    while (i < KNOWN && models[i].object != model)
        i++;
    if (i == KNOWN)
        i = next_model++ % KNOWN;
    PyObject *before = models[i].ref;
    Py_INCREF(ref);
    models[i].object = model, models[i].ref = ref, models[i].last = trains;
    Py_XDECREF(before);
    return answer(1);
}

/* (thread, steps, whole, sample, loaded, [(optimizer, weak reference, settings)]) */
static PyObject *arm(PyObject *self, PyObject *args) {
    PyObject *batch, *list, *object, *ref, *settings, *before = loaded;
    if (!PyArg_ParseTuple(args, "klllOO", &thread, &steps, &whole, &sample, &batch, &list))
        return NULL;
    for (int i = 0; i < KNOWN; i++) {
        Py_CLEAR(optimizers[i].ref);
        Py_CLEAR(optimizers[i].settings);
        optimizers[i].object = NULL, optimizers[i].last = -1;
        if (i < PyList_Size(list) && PyArg_ParseTuple(PyList_GetItem(list, i), "OOO", &object, &ref, &settings)) {
            Py_INCREF(ref), Py_INCREF(settings);
            optimizers[i].object = object, optimizers[i].ref = ref, optimizers[i].settings = settings;
        }
    }
    Py_INCREF(batch);
    loaded = batch, stepping = NULL, armed = !PyErr_Occurred();
    Py_XDECREF(before);
    return answer(armed);
}

/* (steps, loaded, [(id of an optimizer, its last step)], id of the optimizer that is in its step or 0) */
static PyObject *take(PyObject *self, PyObject *nothing) {
    PyObject *list = PyList_New(0);
    armed = 0;
    for (int i = 0; list != NULL && i < KNOWN; i++)
        if (optimizers[i].object != NULL && optimizers[i].last >= 0) {
            PyObject *item = Py_BuildValue("Kl", (unsigned long long)(uintptr_t)optimizers[i].object, optimizers[i].last);
            if (item == NULL || PyList_Append(list, item) != 0)
                Py_CLEAR(list);
            Py_XDECREF(item);
        }
    return list == NULL ? NULL : Py_BuildValue("lONK", steps, loaded, list, (unsigned long long)(uintptr_t)stepping);
}

/* The records written since, as bytes. */
static PyObject *drain(PyObject *self, PyObject *nothing) {
    PyObject *found = PyBytes_FromStringAndSize((const char *)events, (Py_ssize_t)(sizeof events[0]) * used);
    if (found != NULL)
        used = 0;
    return found;
}

static PyMethodDef functions[] = {
    {"loaded", batch_loaded, METH_O, NULL}, {"backward", backward_from, METH_O, NULL},
    {"before_step", before_step, METH_O, NULL}, {"after_step", after_step, METH_O, NULL},
    {"wrap", wrap, METH_VARARGS, NULL}, {"set_up", set_up, METH_VARARGS, NULL},
    {"set_thread", set_thread, METH_O, NULL}, {"meet_model", meet_model, METH_VARARGS, NULL},
    {"arm", arm, METH_VARARGS, NULL}, {"take", take, METH_NOARGS, NULL},
    {"drain", drain, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_steps", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__steps(void) {
    w64_prepare();
    return PyModuleDef_Init(&definition);
}
