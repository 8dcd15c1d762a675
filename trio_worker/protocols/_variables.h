/* The variables of a plain request in a uwsgi packet, and what is known of their names. */

/* Bytes of a packet. */
typedef struct {
    const char *at;
    Py_ssize_t size;
} Text;

/* The variables that say what a plain request is, and those that no plain request has, in the order of their names. */
enum { METHOD, URI, PATH, QUERY, PROTOCOL, CLIENT, CLIENT_PORT, SERVER, SERVER_PORT, SCHEME, HTTPS, SCRIPT, LENGTH, TYPE,
       OWN_SCHEME, PLACES };
#define NAME(text) {text, sizeof text - 1}
static const Text place_names[PLACES] = {
    NAME("REQUEST_METHOD"), NAME("REQUEST_URI"), NAME("PATH_INFO"), NAME("QUERY_STRING"), NAME("SERVER_PROTOCOL"),
    NAME("REMOTE_ADDR"), NAME("REMOTE_PORT"), NAME("SERVER_NAME"), NAME("SERVER_PORT"), NAME("REQUEST_SCHEME"),
    NAME("HTTPS"), NAME("SCRIPT_NAME"), NAME("CONTENT_LENGTH"), NAME("CONTENT_TYPE"), NAME("UWSGI_SCHEME"),
};

/* A quick look at a name; others may have the same number. */
static inline unsigned mix(const char *at, Py_ssize_t size) {
    return size ? 31 * (unsigned)size + 7 * (unsigned char)at[size / 2] + (unsigned char)at[size - 1] : 0;
}

/* A name with what is known of it, its place and its bit; what is known of one never changes in a dictionary. */
typedef struct {
    PyObject *names, *name, *known;
    int place;
    uint64_t bit;
} Seen;

/* Look up a name; NULL where it is unknown or an error is set. Those that were looked up last need no object. */
static inline Seen *look_up(PyObject *names, Text name) {
    static Seen all[256];
    Seen *seen = &all[mix(name.at, name.size) % 256];
    if (seen->names == names && PyBytes_GET_SIZE(seen->name) == name.size &&
        !memcmp(PyBytes_AS_STRING(seen->name), name.at, name.size))
        return seen;
    PyObject *key = PyBytes_FromStringAndSize(name.at, name.size);
    PyObject *known = key ? PyDict_GetItemWithError(names, key) : NULL;
    if (!known) {
        Py_XDECREF(key);
        return NULL;
    }
    Py_XSETREF(seen->names, Py_NewRef(names));
    Py_XSETREF(seen->name, key);
    Py_XSETREF(seen->known, Py_NewRef(known));
    seen->place = find_place(name);
    seen->bit = PyBytes_Check(known) ? 1ull << mix(PyBytes_AS_STRING(known), PyBytes_GET_SIZE(known)) % 64 : 0;
    return seen;
}
