/* The readers that every request begins with, in C: a plain HTTP/1.1 head, the block of a uwsgi packet, fields of HTTP/2.

   They decide nothing. What is not plainly well-formed, or has a name in it that Python has not learned, is None: the
   Python code beside them reads it again and refuses it, and without a compiler it reads everything. So there is one
   definition of each, in Python, and property tests hold these to it (tests/unit/test_speedups.py). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

/* Fields that begin with a colon (RFC 9113 section 8.3.1); bounds below every limit, as in http2/rules.py. */
enum { PSEUDO = 4, FEW_FIELDS = 64, SMALL_HEAD = 16384, TARGET_LIMIT = 8192 };

/* Look up a name that is written here; a borrowed reference, NULL where it is unknown or an error is set. */
static PyObject *find(PyObject *names, const char *start, Py_ssize_t size) {
    PyObject *name = PyBytes_FromStringAndSize(start, size);
    PyObject *found = name ? PyDict_GetItemWithError(names, name) : NULL;
    Py_XDECREF(name);
    return found;
}

/* Append (name, value) to a list of headers; 0 on success. */
static int append(PyObject *headers, PyObject *name, const char *start, Py_ssize_t size) {
    PyObject *value = PyBytes_FromStringAndSize(start, size);
    PyObject *header = value ? PyTuple_Pack(2, name, value) : NULL;
    int result = header ? PyList_Append(headers, header) : -1;
    Py_XDECREF(value);
    Py_XDECREF(header);
    return result;
}

/* Bytes that a value may consist of where it is read here (RFC 9110 section 5.5); tabs are left to the others. */
static int is_text(unsigned char byte) { return byte >= 0x20 && byte != 0x7f; }

/* The end of a line that consists of text and ends with CR LF; NULL where it does not. */
static const char *end_of_line(const char *at, const char *end) {
    while (at < end && is_text((unsigned char)*at))
        at++;
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? at : NULL;
}

/* The first byte from here on that a target which means itself does not have (RFC 3986 sections 3.3 and 3.4). */
static const char *skip_usual(const char *at, const char *end) {
    static const char usual[] = "/?-._~!$&'()*+,;=:@%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static unsigned char is_usual[256];
    for (const char *each = is_usual['/'] ? "" : usual; *each; each++)
        is_usual[(unsigned char)*each] = 1;
    while (at < end && is_usual[(unsigned char)*at])
        at++;
    return at;
}

/* The end of a target that means itself and begins with a slash; NULL where it does not. */
static const char *end_of_target(const char *at, const char *end) {
    if (at == end || *at != '/')
        return NULL;
    at = skip_usual(at, end);
    return at < end && *at == ' ' ? at : NULL;
}

/* The value of a header, None where it is not there; borrowed. */
static PyObject *value_of(PyObject *headers, const char *name, Py_ssize_t size) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *header = PyList_GET_ITEM(headers, i), *known = PyTuple_GET_ITEM(header, 0);
        if (PyBytes_Check(known) && PyBytes_GET_SIZE(known) == size && !memcmp(PyBytes_AS_STRING(known), name, size))
            return PyTuple_GET_ITEM(header, 1);
    }
    return Py_None;
}

/* Whether the headers have this name already, however it was written: each spelling has an object of its own. */
static int has(PyObject *headers, PyObject *name) {
    return value_of(headers, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)) != Py_None;
}

/* Read the lines `Name: value` up to the end of the data; 1 for well-formed ones, 0 for others, -1 for an error. */
static int read_lines(PyObject *headers, PyObject *names, const char *at, const char *end) {
    while (at < end) {
        const char *stop = end_of_line(at, end);
        const char *colon = stop ? memchr(at, ':', stop - at) : NULL;
        if (!colon || stop - colon < 2 || colon[1] != ' ')
            return 0;
        PyObject *name = find(names, at, colon + 1 - at);
        if (!name || !PyBytes_Check(name) || has(headers, name))
            return PyErr_Occurred() ? -1 : 0;
        const char *first = colon + 2, *last = stop;
        while (first < last && *first == ' ')
            first++;
        while (last > first && last[-1] == ' ')
            last--;
        if (append(headers, name, first, last - first))
            return -1;
        at = stop + 2;
    }
    return 1;
}

PyDoc_STRVAR(read_head_doc,
"read_head(data, names)\n--\n\n"
"Return method, target, headers, Host and Connection of a head that is plainly well-formed, None for any other.\n\n"
"Args:\n"
"    data: what was read, which is the head and nothing behind it.\n"
"    names: headers' names as they are written, with the colon, and in lower case.");

static PyObject *read_head(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 2 || !PyBytes_Check(args[0]) || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "read_head takes bytes and a dictionary");
        return NULL;
    }
    static const char version[] = "HTTP/1.1";
    const char *data = PyBytes_AS_STRING(args[0]), *end = data + PyBytes_GET_SIZE(args[0]);
    if (end - data < 4 || memcmp(end - 4, "\r\n\r\n", 4))
        Py_RETURN_NONE;
    end -= 2;
    const char *stop = end_of_line(data, end);
    const char *target = stop ? memchr(data, ' ', stop - data) : NULL;
    const char *last = target ? end_of_target(target + 1, stop) : NULL;
    if (!last || stop - last - 1 != sizeof version - 1 || memcmp(last + 1, version, sizeof version - 1))
        Py_RETURN_NONE;
    PyObject *headers = PyList_New(0);
    int well_formed = headers ? read_lines(headers, args[1], stop + 2, end) : -1;
    PyObject *head = NULL;
    if (well_formed > 0)
        head = Py_BuildValue("y#y#OOO", data, target - data, target + 1, last - target - 1, headers,
                             value_of(headers, "host", 4), value_of(headers, "connection", 10));
    Py_XDECREF(headers);
    return well_formed ? head : Py_NewRef(Py_None);
}

/* One name or value of a block: its size in two bytes, little endian, and its bytes. NULL where the block ends within. */
static const unsigned char *take(const unsigned char *at, const unsigned char *end, Py_ssize_t *size) {
    if (end - at < 2)
        return NULL;
    *size = at[0] | at[1] << 8;
    return end - at - 2 < *size ? NULL : at + 2;
}

/* What a block consists of: headers, all other variables, and the text of those that have no place in a request. */
typedef struct {
    PyObject *headers, *variables, *others;
    Py_ssize_t placed;
} Block;

/* Whether a value may be a header's: text and tabs (RFC 9110 section 5.5). */
static int is_value(const char *at, Py_ssize_t size) {
    for (; size; at++, size--)
        if (!is_text((unsigned char)*at) && *at != '\t')
            return 0;
    return 1;
}

/* Set a key to a new object, which may be NULL for an error; 1 on success, -1 for an error. */
static int set(PyObject *dictionary, PyObject *key, PyObject *made) {
    int result = made ? PyDict_SetItem(dictionary, key, made) : -1;
    Py_XDECREF(made);
    return result ? -1 : 1;
}

/* Put a variable that is known where it belongs; 1 on success, 0 for a value that is no header's, -1 for an error. */
static int place(Block *block, PyObject *name, PyObject *known, const char *value, Py_ssize_t size) {
    if (PyBytes_Check(known) && PyBytes_GET_SIZE(known)) {
        if (!is_value(value, size))
            return 0;
        return append(block->headers, known, value, size) ? -1 : 1;
    }
    int placed = set(block->variables, name, PyBytes_FromStringAndSize(value, size));
    block->placed++;
    if (placed > 0 && PyUnicode_Check(known))
        placed = set(block->others, known, PyUnicode_DecodeUTF8(value, size, "surrogateescape"));
    return placed;
}

/* Read one variable; 1 on success, 0 for one that is not plainly well-formed or not known, -1 for an error. */
static int read_variable(Block *block, PyObject *known, const unsigned char **at, const unsigned char *end) {
    Py_ssize_t name_size, value_size;
    const unsigned char *name = take(*at, end, &name_size);
    const unsigned char *value = name ? take(name + name_size, end, &value_size) : NULL;
    if (!value)
        return 0;
    PyObject *key = PyBytes_FromStringAndSize((const char *)name, name_size);
    PyObject *meaning = key ? PyDict_GetItemWithError(known, key) : NULL;
    int placed = meaning ? place(block, key, meaning, (const char *)value, value_size) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(key);
    *at = value + value_size;
    return placed;
}

PyDoc_STRVAR(read_block_doc,
"read_block(block, known)\n--\n\n"
"Return the headers of a block, its other variables, and the text of those that have no place in a request.\n\n"
"It is None for a block that is malformed, or has an unknown name in it.\n\n"
"Args:\n"
"    block: of a packet.\n"
"    known: names of variables. They stand for a header, for one that has a place (empty), or for another (its text).");

static PyObject *read_block(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 2 || !PyBytes_Check(args[0]) || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "read_block takes bytes and a dictionary");
        return NULL;
    }
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(args[0]), *end = at + PyBytes_GET_SIZE(args[0]);
    Block block = {PyList_New(0), PyDict_New(), PyDict_New(), 0};
    int well_formed = block.headers && block.variables && block.others ? 1 : -1;
    while (well_formed > 0 && at < end)
        well_formed = read_variable(&block, args[1], &at, end);
    if (well_formed > 0) /* And none came twice. */
        well_formed = block.placed == PyDict_GET_SIZE(block.variables);
    PyObject *parts = well_formed > 0 ? PyTuple_Pack(3, block.headers, block.variables, block.others) : NULL;
    Py_XDECREF(block.headers);
    Py_XDECREF(block.variables);
    Py_XDECREF(block.others);
    return well_formed ? parts : Py_NewRef(Py_None);
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
    {"read_block", (PyCFunction)(void (*)(void))read_block, METH_FASTCALL, read_block_doc},
    {"read_fields", read_fields, METH_O, read_fields_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "trio_worker.protocols._speedups", NULL, 0, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__speedups(void) { return PyModule_Create(&definition); }
