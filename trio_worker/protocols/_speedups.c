/* The readers that every request begins with, in C: a plain HTTP/1.1 head, fields of HTTP/2; for packets see _packets.c.

   They decide nothing. What is not plainly well-formed, or has a name in it that Python has not learned, is None: the
   Python code beside them reads it again and refuses it, and without a compiler it reads everything. So there is one
   definition of each, in Python, and property tests hold these to it (tests/unit/test_speedups.py). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#include "_shared.h"

/* Fields that begin with a colon (RFC 9113 section 8.3.1); bounds below every limit, as in http2/rules.py. */
enum { PSEUDO = 4, FEW_FIELDS = 64, SMALL_HEAD = 16384, TARGET_LIMIT = 8192, FIELD_LIMIT = 256 };

/* The end of a line that consists of text and ends with CR LF; NULL where it does not. */
static const char *end_of_line(const char *at, const char *end) {
    const char *stop = memchr(at, '\r', end - at);
    return stop && end - stop >= 2 && stop[1] == '\n' && is_text(at, stop - at, 0) ? stop : NULL;
}

/* The end of a target that means itself and begins with a slash; NULL where it does not. */
static const char *end_of_target(const char *at, const char *end) {
    if (at == end || *at != '/')
        return NULL;
    at = skip_usual(at, end);
    return at < end && *at == ' ' ? at : NULL;
}

/* Read the lines `Name: value` up to the end of the data; 1 for well-formed ones, 0 for others, -1 for an error. */
static int read_lines(PyObject *headers, PyObject *names, const char *at, const char *end) {
    uint64_t bits = 0;
    while (at < end) {
        const char *stop = end_of_line(at, end);
        const char *colon = stop ? memchr(at, ':', stop - at) : NULL;
        if (!colon || stop - colon < 2 || colon[1] != ' ')
            return 0;
        Seen *seen = look_up(names, at, colon + 1 - at);
        if (!seen || !PyBytes_Check(seen->known) || (bits & seen->bit && has(headers, seen->known)))
            return PyErr_Occurred() ? -1 : 0;
        bits |= seen->bit;
        const char *first = colon + 2, *last = stop;
        while (first < last && *first == ' ')
            first++;
        while (last > first && last[-1] == ' ')
            last--;
        if (append(headers, seen->known, first, last - first))
            return -1;
        at = stop + 2;
    }
    return 1;
}

PyDoc_STRVAR(read_head_doc,
"read_head(names, methods, hosts, data)\n--\n\nDo what plain_head.py's `split_head` does in Python.");

/* The value of a dictionary for a key of these bytes, NULL where it has none or there is an error; borrowed. */
static PyObject *value_for(PyObject *dictionary, const char *at, Py_ssize_t size) {
    PyObject *key = PyBytes_FromStringAndSize(at, size);
    PyObject *value = key ? PyDict_GetItemWithError(dictionary, key) : NULL;
    Py_XDECREF(key);
    return value;
}

/* Whether the connection goes on (RFC 9112 section 9.3); NULL for a word that is left to llhttp, or another spelling. */
static PyObject *goes_on(PyObject *connection) {
    if (connection == Py_None || !strcmp(PyBytes_AS_STRING(connection), "keep-alive"))
        return Py_True;
    return strcmp(PyBytes_AS_STRING(connection), "close") ? NULL : Py_False;
}

/* The request that these parts are; NULL where they are not plain, or there is an error. */
static PyObject *make_request(PyObject *method, const char *target, Py_ssize_t size, PyObject *headers, PyObject *hosts) {
    PyObject *host = value_of(headers, "host", 4), *on = goes_on(value_of(headers, "connection", 10));
    if (!method || !on || host == Py_None || PyList_GET_SIZE(headers) > FIELD_LIMIT)
        return NULL;
    if (PyDict_GetItemWithError(hosts, host) != Py_True)
        return NULL;
    return Py_BuildValue("Oy#OO", method, target, size, headers, on);
}

static PyObject *read_head(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 4 || !PyDict_Check(args[0]) || !PyDict_Check(args[1]) || !PyDict_Check(args[2]) ||
        !PyBytes_Check(args[3])) {
        PyErr_SetString(PyExc_TypeError, "read_head takes three dictionaries and bytes");
        return NULL;
    }
    static const char version[] = "HTTP/1.1";
    const char *data = PyBytes_AS_STRING(args[3]), *end = data + PyBytes_GET_SIZE(args[3]);
    if (end - data < 4 || end - data > TARGET_LIMIT || memcmp(end - 4, "\r\n\r\n", 4))
        Py_RETURN_NONE;
    end -= 2;
    const char *stop = end_of_line(data, end);
    const char *target = stop ? memchr(data, ' ', stop - data) : NULL;
    const char *last = target ? end_of_target(target + 1, stop) : NULL;
    if (!last || stop - last - 1 != sizeof version - 1 || memcmp(last + 1, version, sizeof version - 1))
        Py_RETURN_NONE;
    PyObject *headers = PyList_New(0);
    PyObject *head = NULL;
    if (headers && read_lines(headers, args[0], stop + 2, end) > 0)
        head = make_request(value_for(args[1], data, target - data), target + 1, last - target - 1, headers, args[2]);
    Py_XDECREF(headers);
    return head || PyErr_Occurred() ? head : Py_NewRef(Py_None);
}

/* The place of a name in a list that ends with NULL, -1 where it has none. */
static int find_name(PyObject *name, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if ((size_t)PyBytes_GET_SIZE(name) == strlen(names[i]) && !strcmp(PyBytes_AS_STRING(name), names[i]))
            return i;
    return -1;
}

/* Whether one of the headers before this one has its name. */
static int is_repeated(PyObject *fields, Py_ssize_t index, PyObject *name) {
    for (Py_ssize_t i = PSEUDO; i < index; i++) {
        PyObject *other = PyTuple_GET_ITEM(PyTuple_GET_ITEM(fields, i), 0);
        if (PyBytes_GET_SIZE(other) == PyBytes_GET_SIZE(name) &&
            !memcmp(PyBytes_AS_STRING(other), PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)))
            return 1;
    }
    return 0;
}

/* Look at a field, and keep the value of one whose name begins with a colon; its size, -1 where it is not plain. */
static Py_ssize_t take_field(PyObject *fields, Py_ssize_t index, PyObject **pseudo) {
    static const char *const places[] = {":method", ":path", ":authority", ":scheme", NULL};
    static const char *const decisive[] = {"host", "content-length", "transfer-encoding", "expect", NULL};
    PyObject *field = PyTuple_GET_ITEM(fields, index);
    if (!PyTuple_Check(field) || PyTuple_GET_SIZE(field) != 2)
        return -1;
    PyObject *name = PyTuple_GET_ITEM(field, 0), *value = PyTuple_GET_ITEM(field, 1);
    if (!PyBytes_Check(name) || !PyBytes_Check(value))
        return -1;
    if (index < PSEUDO) {
        int place = find_name(name, places);
        if (place < 0 || pseudo[place])
            return -1;
        pseudo[place] = value;
    } else if (*PyBytes_AS_STRING(name) == ':' || find_name(name, decisive) >= 0 || is_repeated(fields, index, name))
        return -1;
    return PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value);
}

/* Return the fields that are headers, behind the authority as a Host. */
static PyObject *make_headers(PyObject *fields, PyObject *authority) {
    PyObject *host = Py_BuildValue("[(y#O)]", "host", (Py_ssize_t)4, authority);
    PyObject *headers = host ? PySequence_List(fields) : NULL;
    if (headers && PyList_SetSlice(headers, 0, PSEUDO, host))
        Py_CLEAR(headers);
    Py_XDECREF(host);
    return headers;
}

PyDoc_STRVAR(read_fields_doc,
"read_fields(fields)\n--\n\n"
"Return method, target, authority and headers of a plain request of HTTP/2, of its fields; None for any other.");

static PyObject *read_fields(PyObject *module, PyObject *fields) {
    (void)module;
    PyObject *pseudo[PSEUDO] = {NULL, NULL, NULL, NULL};
    Py_ssize_t count = PyTuple_Check(fields) ? PyTuple_GET_SIZE(fields) : 0, size = 0;
    if (count < PSEUDO || count > FEW_FIELDS)
        Py_RETURN_NONE;
    for (Py_ssize_t i = 0, more; i < count; i++, size += more)
        if ((more = take_field(fields, i, pseudo)) < 0)
            Py_RETURN_NONE;
    const char *path = PyBytes_AS_STRING(pseudo[1]), *end = path + PyBytes_GET_SIZE(pseudo[1]);
    if (size > SMALL_HEAD || end - path > TARGET_LIMIT || *path != '/' || skip_usual(path, end) != end)
        Py_RETURN_NONE;
    PyObject *headers = make_headers(fields, pseudo[2]);
    return headers ? Py_BuildValue("OOON", pseudo[0], pseudo[1], pseudo[2], headers) : NULL;
}

static PyMethodDef functions[] = {
    {"read_head", (PyCFunction)(void (*)(void))read_head, METH_FASTCALL, read_head_doc},
    {"read_fields", read_fields, METH_O, read_fields_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "trio_worker.protocols._speedups", NULL, 0, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__speedups(void) { return PyModule_Create(&definition); }
