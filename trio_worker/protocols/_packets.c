/* The readers of uwsgi packets, in C: the block of any packet, and the whole packet of a plain request.

   They decide nothing; see _speedups.c. Property tests hold them to packet.py and request.py in the folder uwsgi. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#include "_shared.h"
#include "_variables.h"

/* Bounds of a plain request, below every limit of the Python code. */
enum { HEADER_SIZE = 4, FEW_HEADERS = 64, TARGET_LIMIT = 8192, PORT_DIGITS = 5 };

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

/* Set a key to a new object, which may be NULL for an error; 1 on success, -1 for an error. */
static int set(PyObject *dictionary, PyObject *key, PyObject *made) {
    int result = made ? PyDict_SetItem(dictionary, key, made) : -1;
    Py_XDECREF(made);
    return result ? -1 : 1;
}

/* Put a variable that is known where it belongs; 1 on success, 0 for a value that is no header's, -1 for an error. */
static int place(Block *block, PyObject *name, PyObject *known, const char *value, Py_ssize_t size) {
    if (PyBytes_Check(known) && PyBytes_GET_SIZE(known)) {
        if (!is_text(value, size, 1))
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

/* A plain request as it is read; of its headers a bit each, which several may share. */
typedef struct {
    PyObject *headers, *others;
    uint64_t bits;
    Text places[PLACES];
} Request;

static int is(Text text, const char *word, size_t size) {
    return text.at && (size_t)text.size == size && !memcmp(text.at, word, size);
}
#define IS(text, word) is(text, word, sizeof word - 1)

/* The place of a variable, -1 where it has none. */
static int find_place(Text name) {
    for (int i = 0; i < PLACES; i++)
        if (is(name, place_names[i].at, place_names[i].size))
            return i;
    return -1;
}

/* Put a variable where it belongs; 1 on success, 0 for what no plain request has, -1 for an error. */
static int put(Request *request, Seen *seen, Text name, Text value) {
    PyObject *known = seen->known;
    if (PyBytes_Check(known) && PyBytes_GET_SIZE(known)) {
        if (!is_text(value.at, value.size, 1) || (request->bits & seen->bit && has(request->headers, known)))
            return 0;
        request->bits |= seen->bit;
        return append(request->headers, known, value.at, value.size) ? -1 : 1;
    }
    if (seen->place == NOT_LOOKED)
        seen->place = find_place(name);
    if (seen->place >= 0 && seen->place < OWN_SCHEME) {
        Text *place = &request->places[seen->place];
        if (place->at)
            return 0;
        *place = value;
        return 1;
    }
    if (seen->place == OWN_SCHEME || !PyUnicode_Check(known) || PyDict_Contains(request->others, known))
        return PyErr_Occurred() ? -1 : 0;
    return set(request->others, known, PyUnicode_DecodeUTF8(value.at, value.size, "surrogateescape"));
}

/* Read the variables up to the end; 1 for those of a plain request, 0 for others, -1 for an error. */
static int read_variables(Request *request, PyObject *names, const unsigned char *at, const unsigned char *end) {
    int plain = 1;
    while (plain > 0 && at < end) {
        Text name, value;
        name.at = (const char *)take(at, end, &name.size);
        value.at = name.at ? (const char *)take((const unsigned char *)name.at + name.size, end, &value.size) : NULL;
        if (!value.at)
            return 0;
        Seen *seen = look_up(names, name.at, name.size);
        plain = seen ? put(request, seen, name, value) : PyErr_Occurred() ? -1 : 0;
        at = (const unsigned char *)value.at + value.size;
    }
    return plain;
}

/* Whether the target means itself, and the front has left it as it came. */
static int is_placed(Request *request, Text *path) {
    Text *places = request->places, target = places[URI];
    if (!target.at || !target.size || target.size > TARGET_LIMIT || *target.at != '/' ||
        skip_usual(target.at, target.at + target.size) != target.at + target.size)
        return 0;
    const char *mark = memchr(target.at, '?', target.size);
    *path = (Text){target.at, mark ? mark - target.at : target.size};
    Py_ssize_t rest = mark ? target.size - path->size - 1 : 0;
    return places[PATH].at && places[PATH].size == path->size && !memcmp(places[PATH].at, path->at, path->size) &&
           places[QUERY].at && places[QUERY].size == rest && !(rest && memcmp(places[QUERY].at, mark + 1, rest));
}

/* Whether nothing in the request needs a closer look: no body, no upgrade, no path of its own, a host that is known. */
static int is_plain(Request *request, PyObject *hosts, Text *path) {
    Text *places = request->places;
    if (places[SCRIPT].size || places[LENGTH].size || places[TYPE].size || value_of(request->headers, "upgrade", 7) != Py_None ||
        PyList_GET_SIZE(request->headers) > FEW_HEADERS || !is_placed(request, path))
        return 0;
    PyObject *host = value_of(request->headers, "host", 4);
    return host != Py_None && PyDict_GetItemWithError(hosts, host) == Py_True;
}

/* 1 for https, 0 for http, -1 where it is not plain which. */
static int read_scheme(Text *places) {
    if (places[HTTPS].size)
        return IS(places[HTTPS], "on") ? 1 : -1;
    if (IS(places[SCHEME], "https"))
        return 1;
    return !places[SCHEME].size || IS(places[SCHEME], "http") ? 0 : -1;
}

/* A port; -1 where it is none. */
static long read_port(Text text) {
    long port = 0;
    for (Py_ssize_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        port = port * 10 + (text.at[i] - '0');
    }
    return text.size ? port : -1;
}

/* A host and its port, which is `otherwise` or None where there is none; None without a host. NULL for an error. */
static PyObject *make_address(Text host, Text port, long otherwise) {
    if (!host.size)
        return Py_NewRef(Py_None);
    long number = port.size <= PORT_DIGITS ? read_port(port) : -1;
    number = number < 0 ? otherwise : number;
    PyObject *name = PyUnicode_DecodeLatin1(host.at, host.size, NULL);
    return Py_BuildValue("NN", name, number < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(number));
}

/* Look up a name that is written here; a borrowed reference, NULL where it is unknown or an error is set. */
static PyObject *find(PyObject *names, const char *start, Py_ssize_t size) {
    PyObject *name = PyBytes_FromStringAndSize(start, size);
    PyObject *found = name ? PyDict_GetItemWithError(names, name) : NULL;
    Py_XDECREF(name);
    return found;
}

/* The parts of a plain request, None for any other, NULL for an error. */
static PyObject *make_request(Request *request, PyObject *methods, PyObject *versions, PyObject *hosts) {
    Text *places = request->places, path;
    int scheme = read_scheme(places);
    if (scheme < 0 || !places[METHOD].at || !is_plain(request, hosts, &path))
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    PyObject *method = find(methods, places[METHOD].at, places[METHOD].size);
    PyObject *version = method && places[PROTOCOL].at ? find(versions, places[PROTOCOL].at, places[PROTOCOL].size) : NULL;
    if (!method || !version)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    Text client = places[CLIENT];
    if (client.size >= 5 && !memcmp(client.at, "unix:", 5))
        client.size = 0;
    return Py_BuildValue("Oy#y#s#y#OOsNNO", method, places[URI].at, places[URI].size, path.at, path.size, path.at,
                         path.size, places[QUERY].at, places[QUERY].size, request->headers, version,
                         scheme ? "https" : "http", make_address(client, places[CLIENT_PORT], 0),
                         make_address(places[SERVER], places[SERVER_PORT], -1), request->others);
}

PyDoc_STRVAR(read_packet_doc,
"read_packet(data, limit, known, methods, versions, hosts)\n--\n\n"
"Return the request of a packet that is there as a whole and plain, with no body; None for any other.\n\n"
"Args:\n"
"    data: what has come.\n"
"    limit: of the block, in bytes.\n"
"    known: see `read_block`.\n"
"    methods: by their names in bytes.\n"
"    versions: of HTTP, as ASGI writes them, by what fronts write.\n"
"    hosts: those that were looked at, and whether they are hosts.");

static PyObject *read_packet(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 6 || !PyBytes_Check(args[0]) || !PyLong_Check(args[1]) || !PyDict_Check(args[2]) ||
        !PyDict_Check(args[3]) || !PyDict_Check(args[4]) || !PyDict_Check(args[5])) {
        PyErr_SetString(PyExc_TypeError, "read_packet takes bytes, a number and four dictionaries");
        return NULL;
    }
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(args[0]), *end = at + PyBytes_GET_SIZE(args[0]);
    long limit = PyLong_AsLong(args[1]);
    if (end - at < HEADER_SIZE || at[0] || (at[1] | at[2] << 8) != end - at - HEADER_SIZE || (at[1] | at[2] << 8) > limit)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    Request request = {PyList_New(0), PyDict_New(), 0, {{NULL, 0}}};
    int plain = request.headers && request.others ? 1 : -1;
    if (plain > 0)
        plain = read_variables(&request, args[2], at + HEADER_SIZE, end);
    PyObject *made = plain > 0 ? make_request(&request, args[3], args[4], args[5]) : NULL;
    Py_XDECREF(request.headers);
    Py_XDECREF(request.others);
    return plain ? made : Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"read_block", (PyCFunction)(void (*)(void))read_block, METH_FASTCALL, read_block_doc},
    {"read_packet", (PyCFunction)(void (*)(void))read_packet, METH_FASTCALL, read_packet_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "trio_worker.protocols._packets", NULL, 0, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__packets(void) { return PyModule_Create(&definition); }
