/*
 * A load for one server: so many connections, each asking again as soon as it is answered.
 *
 * One thread and one epoll set; main.c reads and writes, a protocol (http.c, websocket.c) says what to write next
 * and takes what was read, tally.c counts. A request costs this client 5 to 8 us, most of it the kernel's, so that
 * it is never what a measurement measures.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MOST_IN_FLIGHT 64

/* Heads never repeat unless `repeats`; `closes` asks for a connection a request; a `message` makes it WebSocket. */
struct options {
	int port;
	const char *path;
	double seconds;
	int connections;
	int repeats;
	int closes;
	const char *body;
	size_t body_size;
	size_t message;
	int in_flight;
};

enum http_state { HEAD, LENGTH, CHUNK_SIZE, CHUNK, TRAILERS, UNTIL_CLOSE };

/* The moments at which requests left that wait for their answers; the oldest is at `first`. */
struct waiting {
	uint64_t since[MOST_IN_FLIGHT];
	int first;
	int count;
};

struct connection {
	int fd;
	struct waiting waiting;
	/* what was read and is not yet understood; what is to be written */
	char *in, *out;
	size_t in_have, in_size, out_have, out_size;
	/* http.c: where in a response, its bytes so far, those of body or chunk to come, will the server close, is it over */
	enum http_state state;
	size_t received, left;
	int status, closing, answered;
	/* websocket.c: the number of the next message, and of the next echo */
	int open;
	uint32_t next_sent, next_echo;
};

enum verdict { GO_ON, CONNECT_AGAIN, BROKEN };

/* `begin` appends to `out` as a connection is made; `take` consumes from `in`, appends to `out`, and reports the
 * bytes that it has consumed. `end` judges the end of a connection: an answer may have waited for it. */
struct protocol {
	void (*begin)(struct connection *);
	enum verdict (*take)(struct connection *, size_t *consumed);
	enum verdict (*end)(struct connection *);
	size_t in_size, out_size;
};

extern struct options options;

struct protocol http_protocol(void);
struct protocol websocket_protocol(void);

uint64_t now(void);
void sent(struct connection *);
void answered(struct connection *, size_t bytes, int good);
void count_connect_error(void);
void count_read_error(void);
void count_write_error(void);
void count_timeout(void);
void print_tally(double seconds);
