/* Parts of the readers in C that they have in common. */

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

/* Whether this is text, without tabs or with them (RFC 9110 section 5.5). No early end: compilers take many at a time. */
static inline int is_text(const char *at, Py_ssize_t size, int tabs) {
    int wrong = 0;
    for (Py_ssize_t i = 0; i < size; i++)
        wrong |= (((unsigned char)at[i] < 0x20) & !((at[i] == '\t') & tabs)) | (at[i] == 0x7f);
    return !wrong;
}

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

/* A quick look at a name; others may have the same number. */
static inline unsigned mix(const char *at, Py_ssize_t size) {
    return size ? 31 * (unsigned)size + 7 * (unsigned char)at[size / 2] + (unsigned char)at[size - 1] : 0;
}

/* A name with what is known of it and its bit; what is known of one never changes in a dictionary. Packets have places. */
enum { NOT_LOOKED = -2 };
typedef struct {
    PyObject *names, *name, *known;
    int place;
    uint64_t bit;
} Seen;

/* Look up a name; NULL where it is unknown or an error is set. Those that were looked up last need no object. */
static inline Seen *look_up(PyObject *names, const char *at, Py_ssize_t size) {
    static Seen all[256];
    Seen *seen = &all[mix(at, size) % 256];
    if (seen->names == names && PyBytes_GET_SIZE(seen->name) == size &&
        !memcmp(PyBytes_AS_STRING(seen->name), at, size))
        return seen;
    PyObject *key = PyBytes_FromStringAndSize(at, size);
    PyObject *known = key ? PyDict_GetItemWithError(names, key) : NULL;
    if (!known) {
        Py_XDECREF(key);
        return NULL;
    }
    Py_XSETREF(seen->names, Py_NewRef(names));
    Py_XSETREF(seen->name, key);
    Py_XSETREF(seen->known, Py_NewRef(known));
    seen->place = NOT_LOOKED;
    seen->bit = PyBytes_Check(known) ? 1ull << mix(PyBytes_AS_STRING(known), PyBytes_GET_SIZE(known)) % 64 : 0;
    return seen;
}
