/* The variables of a plain request in a uwsgi packet. */

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
