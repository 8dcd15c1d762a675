/*
 * load [-c CONNECTIONS] [-d SECONDS] [-r] [-x] [-b BODY] [-w BYTES [-n IN-FLIGHT]] PORT [PATH]
 *
 * -r repeats one small head, -x closes the connection after each request, -b posts that file as JSON, -w echoes
 * WebSocket messages of so many bytes, so many of them in flight. Prints its counts as one line of JSON.
 */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define TICK_MILLISECONDS 100
/* What has waited for so long when the time is over will not be answered. */
#define TIMEOUT_NANOSECONDS 2000000000ULL

struct options options = { .path = "/", .seconds = 5, .connections = 32, .in_flight = 1 };

static struct protocol protocol;
static int epoll;

static void die(const char *what) {
	perror(what);
	exit(1);
}

static void read_body(const char *name) {
	FILE *file = fopen(name, "rb");
	if (!file || fseek(file, 0, SEEK_END)) die(name);
	options.body_size = (size_t) ftell(file);
	char *body = malloc(options.body_size);
	rewind(file);
	if (!body || fread(body, 1, options.body_size, file) != options.body_size) die(name);
	options.body = body;
	fclose(file);
}

static void read_option(int letter) {
	switch (letter) {
	case 'c': options.connections = atoi(optarg); break;
	case 'd': options.seconds = atof(optarg); break;
	case 'r': options.repeats = 1; break;
	case 'x': options.closes = 1; break;
	case 'b': read_body(optarg); break;
	case 'w': options.message = (size_t) atol(optarg); break;
	case 'n': options.in_flight = atoi(optarg); break;
	default: exit(2);
	}
}

static void read_options(int count, char **arguments) {
	for (int letter; (letter = getopt(count, arguments, "c:d:rxb:w:n:")) != -1;) read_option(letter);
	if (optind < count) options.port = atoi(arguments[optind++]);
	if (optind < count) options.path = arguments[optind];
	int small = options.message && options.message < 8;
	if (options.port && options.in_flight >= 1 && options.in_flight <= MOST_IN_FLIGHT && !small) return;
	fprintf(stderr, "a port, 1 to %d messages in flight, 8 bytes or more in each\n", MOST_IN_FLIGHT);
	exit(2);
}

/* Sockets block, which a write never does here: what is in flight on a connection is less than its buffers hold. */
static enum verdict flush(struct connection *connection) {
	size_t sent = 0;
	while (sent < connection->out_have) {
		ssize_t done = send(connection->fd, connection->out + sent, connection->out_have - sent, MSG_NOSIGNAL);
		if (done < 0) return BROKEN;
		sent += (size_t) done;
	}
	connection->out_have = 0;
	return GO_ON;
}

static int watch(struct connection *connection) {
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	return epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

static int open_socket(struct connection *connection) {
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) options.port) };
	int yes = 1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0) return -1;
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return connect(connection->fd, (struct sockaddr *) &address, sizeof(address));
}

static void begin(struct connection *connection) {
	connection->in_have = connection->out_have = 0;
	connection->waiting.first = connection->waiting.count = 0;
	if (open_socket(connection) || watch(connection)) {
		count_connect_error();
		close(connection->fd);
		connection->fd = -1;
		return;
	}
	protocol.begin(connection);
	if (flush(connection) == BROKEN) count_write_error();
}

/* Read once and let the protocol take it; what is left in the socket is its next event. */
static enum verdict read_some(struct connection *connection) {
	size_t room = connection->in_size - connection->in_have, consumed = 0;
	ssize_t size = recv(connection->fd, connection->in + connection->in_have, room, 0);
	if (size < 0 || !room) return BROKEN;
	if (!size) return protocol.end(connection);
	connection->in_have += (size_t) size;
	enum verdict verdict = protocol.take(connection, &consumed);
	connection->in_have -= consumed;
	memmove(connection->in, connection->in + consumed, connection->in_have);
	return verdict;
}

static void handle(struct connection *connection) {
	enum verdict verdict = read_some(connection);
	if (verdict == GO_ON && flush(connection) == GO_ON) return;
	if (verdict == GO_ON) count_write_error();
	if (verdict == BROKEN) count_read_error();
	close(connection->fd);
	begin(connection);
}

static void load(struct connection *connections, uint64_t until) {
	struct epoll_event events[EVENTS];
	for (int each = 0; each < options.connections; each++) begin(&connections[each]);
	while (now() < until) {
		int count = epoll_wait(epoll, events, EVENTS, TICK_MILLISECONDS);
		for (int each = 0; each < count; each++) handle(events[each].data.ptr);
	}
}

static struct connection *prepare(void) {
	struct connection *connections = calloc((size_t) options.connections, sizeof(struct connection));
	if (!connections) die("calloc");
	for (int each = 0; each < options.connections; each++) {
		connections[each].in_size = protocol.in_size;
		connections[each].out_size = protocol.out_size;
		connections[each].in = malloc(protocol.in_size);
		connections[each].out = malloc(protocol.out_size);
		if (!connections[each].in || !connections[each].out) die("malloc");
	}
	return connections;
}

int main(int count, char **arguments) {
	read_options(count, arguments);
	protocol = options.message ? websocket_protocol() : http_protocol();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	struct connection *connections = prepare();
	uint64_t began = now();
	load(connections, began + (uint64_t) (options.seconds * 1e9));
	uint64_t ended = now();
	for (int each = 0; each < options.connections; each++) {
		struct waiting *waiting = &connections[each].waiting;
		if (waiting->count && ended - waiting->since[waiting->first] > TIMEOUT_NANOSECONDS) count_timeout();
	}
	print_tally((double) (ended - began) / 1e9);
	return 0;
}
