/*
 * The request log.
 *
 * With req-logger it is a pipe of its own to the master, otherwise the ordinary log;
 * uWSGI keeps the right descriptor, and the master does the routing and encoding.
 */
#include "trio.h"

int uwsgi_trio_request_log_fd(void) {
	return uwsgi.req_log_fd;
}
