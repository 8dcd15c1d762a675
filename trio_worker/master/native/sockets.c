/*
 * The bound sockets of this worker, in the order in which they were declared.
 *
 * uwsgi.sockets in Python is a list of descriptors made in the master: it neither
 * knows which protocol a socket was declared for (http-socket, socket, ...), nor that
 * map-socket has taken one away from this worker.
 */
#include "trio.h"

static struct uwsgi_socket *bound_from(struct uwsgi_socket *sock) {
	while (sock && !sock->bound) sock = sock->next;
	return sock;
}

static struct uwsgi_socket *bound_at(int index) {
	struct uwsgi_socket *sock = bound_from(uwsgi.sockets);
	while (sock && index-- > 0) sock = bound_from(sock->next);
	return sock;
}

int uwsgi_trio_socket_count(void) {
	int count = 0;
	struct uwsgi_socket *sock = bound_from(uwsgi.sockets);
	for (; sock; sock = bound_from(sock->next)) count++;
	return count;
}

int uwsgi_trio_socket_fd(int index) {
	return bound_at(index)->fd;
}

const char *uwsgi_trio_socket_name(int index) {
	return bound_at(index)->name;
}

/* A plain "socket" without a "protocol" option has no name of its own: it is uwsgi. */
const char *uwsgi_trio_socket_protocol(int index) {
	struct uwsgi_socket *sock = bound_at(index);
	if (sock->proto_name) return sock->proto_name;
	return uwsgi.protocol ? uwsgi.protocol : "uwsgi";
}
