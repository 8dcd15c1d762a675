/*
 * What is counted: answers, their latency in microseconds, and each kind of failure; printed as the one line of JSON
 * that benchmarks/load.py reads of wrk as well.
 */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* A latency of a second or more is in the last place. */
#define PLACES 1000000

static uint32_t latencies[PLACES];
static uint64_t requests, bytes_in, connect_errors, read_errors, write_errors, timeouts, bad_statuses;

uint64_t now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000000000 + (uint64_t) time.tv_nsec;
}

void sent(struct connection *connection) {
	struct waiting *waiting = &connection->waiting;
	waiting->since[(waiting->first + waiting->count++) % MOST_IN_FLIGHT] = now();
}

void answered(struct connection *connection, size_t bytes, int good) {
	struct waiting *waiting = &connection->waiting;
	uint64_t micros = (now() - waiting->since[waiting->first]) / 1000;
	waiting->first = (waiting->first + 1) % MOST_IN_FLIGHT;
	waiting->count--;
	latencies[micros < PLACES ? micros : PLACES - 1]++;
	requests++;
	bytes_in += bytes;
	bad_statuses += !good;
}

void count_connect_error(void) {
	connect_errors++;
}

void count_read_error(void) {
	read_errors++;
}

void count_write_error(void) {
	write_errors++;
}

void count_timeout(void) {
	timeouts++;
}

/* The latency in milliseconds that so great a share of the answers did not exceed. */
static double percentile(double share) {
	uint64_t rest = (uint64_t) ((double) requests * share), place = 0;
	for (; place < PLACES - 1 && rest >= latencies[place]; place++) rest -= latencies[place];
	return (double) place / 1000;
}

void print_tally(double seconds) {
	printf("{\"requests\": %" PRIu64 ", \"seconds\": %.6f, \"bytes\": %" PRIu64 ", ", requests, seconds, bytes_in);
	printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, ", percentile(0.5), percentile(0.99));
	printf("\"connect\": %" PRIu64 ", \"read\": %" PRIu64 ", ", connect_errors, read_errors);
	printf("\"write\": %" PRIu64 ", \"timeout\": %" PRIu64 ", ", write_errors, timeouts);
	printf("\"status\": %" PRIu64 "}\n", bad_statuses);
}
