/* Parts of the readers in C that they have in common. */

/* Look up a name that is written here; a borrowed reference, NULL where it is unknown or an error is set. */
static inline PyObject *find(PyObject *names, const char *start, Py_ssize_t size) {
    PyObject *name = PyBytes_FromStringAndSize(start, size);
    PyObject *found = name ? PyDict_GetItemWithError(names, name) : NULL;
    Py_XDECREF(name);
    return found;
}

/* Append (name, value) to a list of headers; 0 on success. */
static inline int append(PyObject *headers, PyObject *name, const char *start, Py_ssize_t size) {
    PyObject *value = PyBytes_FromStringAndSize(start, size);
    PyObject *header = value ? PyTuple_New(2) : NULL;
    if (!header) {
        Py_XDECREF(value);
        return -1;
    }
    PyTuple_SET_ITEM(header, 0, Py_NewRef(name));
    PyTuple_SET_ITEM(header, 1, value);
    int result = PyList_Append(headers, header);
    Py_DECREF(header);
    return result;
}

/* Bytes that a value may consist of where it is read here (RFC 9110 section 5.5); tabs are left to the others. */
static inline int is_text(unsigned char byte) { return byte >= 0x20 && byte != 0x7f; }

/* The first byte from here on that a target which means itself does not have (RFC 3986 sections 3.3 and 3.4). */
static inline const char *skip_usual(const char *at, const char *end) {
    static const char usual[] = "/?-._~!$&'()*+,;=:@%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static unsigned char is_usual[256];
    for (const char *each = is_usual['/'] ? "" : usual; *each; each++)
        is_usual[(unsigned char)*each] = 1;
    while (at < end && is_usual[(unsigned char)*at])
        at++;
    return at;
}

/* The value of a header, None where it is not there; borrowed. */
static inline PyObject *value_of(PyObject *headers, const char *name, Py_ssize_t size) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *header = PyList_GET_ITEM(headers, i), *known = PyTuple_GET_ITEM(header, 0);
        if (PyBytes_Check(known) && PyBytes_GET_SIZE(known) == size && !memcmp(PyBytes_AS_STRING(known), name, size))
            return PyTuple_GET_ITEM(header, 1);
    }
    return Py_None;
}

/* Whether the headers have this name already, however it was written: each spelling has an object of its own. */
static inline int has(PyObject *headers, PyObject *name) {
    return value_of(headers, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)) != Py_None;
}
