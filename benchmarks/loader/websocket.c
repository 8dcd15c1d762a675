/*
 * WebSocket (RFC 6455): text messages, so many of them in flight, each to be echoed as it was sent.
 *
 * Every frame has a mask of its own and every message a number at its front, by which an echo is known to be the
 * right one. No extension is offered, so nothing is compressed.
 */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT 0x1
#define CLOSE 0x8
#define FINAL 0x80
#define MASKED 0x80
#define LONGEST_HEADER 14
#define ROOM_FOR_HANDSHAKE 1024

static char *message;

/* Seven digits, so that a message of eight bytes or more holds one. */
static void write_number(char *front, uint32_t number) {
	char digits[9];
	snprintf(digits, sizeof(digits), "%07u ", number % 10000000);
	memcpy(front, digits, 8);
}

static size_t write_length(unsigned char *header, size_t length) {
	if (length < 126) {
		header[1] = MASKED | (unsigned char) length;
		return 2;
	}
	int bytes = length < 65536 ? 2 : 8;
	header[1] = MASKED | (bytes == 2 ? 126 : 127);
	for (int place = 0; place < bytes; place++) header[2 + place] = (unsigned char) (length >> 8 * (bytes - 1 - place));
	return 2 + (size_t) bytes;
}

static uint32_t next_mask(void) {
	static uint32_t mask = 2463534242u; /* xorshift32 */
	mask ^= mask << 13;
	mask ^= mask >> 17;
	mask ^= mask << 5;
	return mask;
}

static void write_masked(char *to, uint32_t mask) {
	uint64_t twice = (uint64_t) mask << 32 | mask, eight;
	size_t place = 0;
	for (; place + 8 <= options.message; place += 8) {
		memcpy(&eight, message + place, 8);
		eight ^= twice;
		memcpy(to + place, &eight, 8);
	}
	for (; place < options.message; place++) to[place] = message[place] ^ (char) (mask >> 8 * (place % 4));
}

static void send_message(struct connection *connection) {
	unsigned char *frame = (unsigned char *) connection->out + connection->out_have;
	uint32_t mask = next_mask();
	frame[0] = FINAL | TEXT;
	size_t length = write_length(frame, options.message);
	memcpy(frame + length, &mask, 4);
	write_number(message, connection->next_sent++);
	write_masked((char *) frame + length + 4, mask);
	connection->out_have += length + 4 + options.message;
	sent(connection);
}

static void shake_hands(struct connection *connection) {
	connection->open = 0;
	connection->next_sent = connection->next_echo = 0;
	connection->out_have = (size_t) snprintf(connection->out, ROOM_FOR_HANDSHAKE,
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		options.path, options.port);
}

static enum verdict take_handshake(struct connection *connection, size_t *consumed) {
	char *end = memmem(connection->in, connection->in_have, "\r\n\r\n", 4);
	if (!end) return GO_ON;
	if (strncmp(connection->in, "HTTP/1.1 101", 12)) return BROKEN;
	*consumed = (size_t) (end + 4 - connection->in);
	connection->open = 1;
	for (int count = 0; count < options.in_flight; count++) send_message(connection);
	return GO_ON;
}

/* The whole length of the frame that begins here, and that of its header; 0 when its header is not whole. */
static size_t frame_length(const unsigned char *frame, size_t have, size_t *header) {
	if (have < 2) return 0;
	size_t length = frame[1] & 127;
	size_t bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
	*header = 2 + bytes;
	if (have < *header) return 0;
	if (bytes) length = 0;
	for (size_t place = 0; place < bytes; place++) length = length << 8 | frame[2 + place];
	return *header + length;
}

static int is_right_echo(struct connection *connection, const char *payload, size_t length) {
	char number[8];
	write_number(number, connection->next_echo++);
	return length == options.message && !memcmp(payload, number, 8) && !memcmp(payload + 8, message + 8, length - 8);
}

static enum verdict take_frame(struct connection *connection, const char *frame, size_t header, size_t length) {
	int opcode = frame[0] & 0xf;
	/* pings and pongs: no measurement lasts as long as a server waits for a pong */
	if (opcode > CLOSE) return GO_ON;
	if ((frame[0] & 0xff) != (FINAL | TEXT) || !is_right_echo(connection, frame + header, length - header)) return BROKEN;
	answered(connection, length, 1);
	send_message(connection);
	return GO_ON;
}

static enum verdict take(struct connection *connection, size_t *consumed) {
	size_t header, length;
	if (!connection->open) return take_handshake(connection, consumed);
	while (1) {
		const char *frame = connection->in + *consumed;
		size_t have = connection->in_have - *consumed;
		length = frame_length((const unsigned char *) frame, have, &header);
		if (!length || length > have) return GO_ON;
		*consumed += length;
		if (take_frame(connection, frame, header, length) == BROKEN) return BROKEN;
	}
}

static enum verdict end(struct connection *connection) {
	(void) connection;
	return BROKEN;
}

struct protocol websocket_protocol(void) {
	size_t frames = (size_t) options.in_flight * (options.message + LONGEST_HEADER);
	message = malloc(options.message);
	if (!message) abort();
	memset(message, 'x', options.message);
	return (struct protocol) {
		.begin = shake_hands,
		.take = take,
		.end = end,
		.in_size = frames + ROOM_FOR_HANDSHAKE,
		.out_size = frames + ROOM_FOR_HANDSHAKE,
	};
}
