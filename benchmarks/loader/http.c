/*
 * HTTP/1.1: one request at a time on a connection, and as much of RFC 9112 as tells where its response ends.
 *
 * A head is a browser's, with twelve headers. Target, user agent, referer and cookie differ in every request, as they
 * do between the visitors of a site, so a server that remembers heads gains nothing here.
 */
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROOM_FOR_HEAD 4096
/* The largest head of a response, and the piece in which a body is read. */
#define ROOM_FOR_RESPONSE (256 * 1024)

static uint64_t number;

static void append(struct connection *connection, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	char *end = connection->out + connection->out_have;
	connection->out_have += (size_t) vsnprintf(end, connection->out_size - connection->out_have, format, arguments);
	va_end(arguments);
}

/* What wrk sends: the same few bytes every time. */
static void append_repeated_head(struct connection *connection) {
	append(connection, "%s %s HTTP/1.1\r\n", options.body ? "POST" : "GET", options.path);
	append(connection, "Host: 127.0.0.1:%d\r\n", options.port);
	if (options.closes) append(connection, "Connection: close\r\n");
}

static void append_browser_head(struct connection *connection) {
	unsigned long long n = ++number;
	/* neither neighbours nor short: the multiplier is odd, so no cookie comes twice */
	unsigned long long session = n * 0x9e3779b97f4a7c15ULL;
	append(connection,
		"%s %s?n=%llu HTTP/1.1\r\n"
		"Host: 127.0.0.1:%d\r\n"
		"Connection: %s\r\n"
		"sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n"
		"sec-ch-ua-mobile: ?0\r\n"
		"sec-ch-ua-platform: \"Linux\"\r\n"
		"Upgrade-Insecure-Requests: 1\r\n"
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
		"Chrome/142.0.%llu.%llu Safari/537.36\r\n"
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
		"Referer: http://127.0.0.1:%d/articles/%llu\r\n"
		"Accept-Encoding: gzip, deflate, br, zstd\r\n"
		"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
		"Cookie: session=%016llx; theme=dark; seen=%llu\r\n",
		options.body ? "POST" : "GET", options.path, n, options.port,
		options.closes ? "close" : "keep-alive", n / 1000, n % 1000, options.port, n, session, n);
}

static void ask(struct connection *connection) {
	connection->state = HEAD;
	connection->answered = 0;
	connection->received = 0;
	if (options.repeats) append_repeated_head(connection);
	else append_browser_head(connection);
	if (options.body) append(connection, "Content-Type: application/json\r\nContent-Length: %zu\r\n", options.body_size);
	append(connection, "\r\n");
	if (options.body) {
		memcpy(connection->out + connection->out_have, options.body, options.body_size);
		connection->out_have += options.body_size;
	}
	sent(connection);
}

/* The value of a header in a head that ends in a NUL, or NULL. */
static const char *value_of(const char *head, const char *name) {
	size_t length = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, length) || line[2 + length] != ':') continue;
		return line + 3 + length + strspn(line + 3 + length, " \t");
	}
	return NULL;
}

/* RFC 9112 section 6.3: chunks before a length, and without either the end of the connection. */
static void read_framing(struct connection *connection, const char *head) {
	const char *coding = value_of(head, "transfer-encoding"), *length = value_of(head, "content-length");
	const char *persistence = value_of(head, "connection");
	connection->status = atoi(head + strlen("HTTP/1.1 "));
	connection->closing = options.closes || (persistence && !strncasecmp(persistence, "close", 5));
	connection->left = 0;
	if (coding && !strncasecmp(coding, "chunked", 7)) {
		connection->state = CHUNK_SIZE;
	} else if (length) {
		connection->state = LENGTH;
		connection->left = strtoul(length, NULL, 10);
	} else {
		connection->state = UNTIL_CLOSE;
	}
}

/* Each of these returns how many bytes it has consumed, 0 when it needs more. */
static size_t take_head(struct connection *connection, char *data, size_t size) {
	char *end = memmem(data, size, "\r\n\r\n", 4);
	if (!end) return 0;
	end[2] = '\0';
	read_framing(connection, data);
	return (size_t) (end + 4 - data);
}

static size_t take_body(struct connection *connection, size_t size) {
	size_t taken = size < connection->left ? size : connection->left;
	connection->left -= taken;
	return taken;
}

static size_t take_line(struct connection *connection, char *data, size_t size) {
	char *end = memchr(data, '\n', size);
	if (!end) return 0;
	if (connection->state == CHUNK_SIZE) {
		/* the line end after a chunk counts as part of it */
		connection->left = strtoul(data, NULL, 16) + 2;
		connection->state = connection->left == 2 ? TRAILERS : CHUNK;
	} else if (end - data <= 1) {
		connection->state = LENGTH;
		connection->left = 0;
	}
	return (size_t) (end + 1 - data);
}

static size_t take_some(struct connection *connection, char *data, size_t size) {
	size_t taken;
	switch (connection->state) {
	case HEAD:
		return take_head(connection, data, size);
	case CHUNK_SIZE:
	case TRAILERS:
		return take_line(connection, data, size);
	case CHUNK:
		taken = take_body(connection, size);
		if (!connection->left) connection->state = CHUNK_SIZE;
		return taken;
	case LENGTH:
		return take_body(connection, size);
	default:
		return size;
	}
}

static void finish(struct connection *connection) {
	answered(connection, connection->received, connection->status >= 200 && connection->status < 400);
	connection->answered = 1;
}

static enum verdict take(struct connection *connection, size_t *consumed) {
	size_t taken;
	do {
		taken = take_some(connection, connection->in + *consumed, connection->in_have - *consumed);
		*consumed += taken;
	} while (taken && *consumed < connection->in_have);
	connection->received += *consumed;
	if (!connection->answered && connection->state == LENGTH && !connection->left) {
		finish(connection);
		/* a server that said that it will close is left the first to do so: the kernel's TIME_WAIT is then its own */
		if (!connection->closing) ask(connection);
	}
	return GO_ON;
}

static enum verdict end(struct connection *connection) {
	if (!connection->answered && connection->state == UNTIL_CLOSE) finish(connection);
	if (connection->answered) return CONNECT_AGAIN;
	return BROKEN;
}

struct protocol http_protocol(void) {
	return (struct protocol) {
		.begin = ask,
		.take = take,
		.end = end,
		.in_size = ROOM_FOR_RESPONSE,
		.out_size = ROOM_FOR_HEAD + options.body_size,
	};
}
