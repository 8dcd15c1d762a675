/* The writing of one request into the cells of its series, in C: it is done for every request (counters.py).
 *
 * Python code does the same where there is no compiler; tests/unit/test_cells_in_c.py holds one to the other.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

/* The first of these bounds, which ascend, that is not below the value; their number where all are. */
static Py_ssize_t place(PyObject *bounds, uint64_t value) {
    const uint64_t *at = (const uint64_t *)PyBytes_AS_STRING(bounds);
    Py_ssize_t count = PyBytes_GET_SIZE(bounds) / (Py_ssize_t)sizeof *at, found = 0;
    while (found < count && at[found] < value)
        found++;
    return found;
}

PyDoc_STRVAR(count_doc, "count(cells, micros, sent, times, sizes)\n--\n\nDo what counters.py's `count` does in Python.");

static PyObject *count(PyObject *module, PyObject *const *args, Py_ssize_t given) {
    (void)module;
    if (given != 5 || !PyBytes_Check(args[3]) || !PyBytes_Check(args[4])) {
        PyErr_SetString(PyExc_TypeError, "count takes cells, two numbers and two packed lists of bounds");
        return NULL;
    }
    uint64_t micros = PyLong_AsUnsignedLongLong(args[1]), sent = PyLong_AsUnsignedLongLong(args[2]);
    Py_buffer view;
    if (PyErr_Occurred() || PyObject_GetBuffer(args[0], &view, PyBUF_WRITABLE))
        return NULL;
    uint64_t *cells = view.buf;
    Py_ssize_t row = PyBytes_GET_SIZE(args[4]) / (Py_ssize_t)sizeof *cells + 1;
    Py_ssize_t sums = row * (PyBytes_GET_SIZE(args[3]) / (Py_ssize_t)sizeof *cells + 1);
    if (view.len < (sums + 2) * (Py_ssize_t)sizeof *cells) {
        PyErr_SetString(PyExc_ValueError, "there are fewer cells than these bounds need");
    } else {
        cells[row * place(args[3], micros) + place(args[4], sent)]++;
        cells[sums] += micros;
        cells[sums + 1] += sent;
    }
    PyBuffer_Release(&view);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"count", (PyCFunction)(void (*)(void))count, METH_FASTCALL, count_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "trio_worker.master.figures._cells", NULL, 0, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__cells(void) { return PyModule_Create(&definition); }
