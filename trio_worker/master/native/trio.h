/*
 * What a Trio worker asks of uWSGI and only C can reach.
 *
 * The first part is called from Python through ctypes (bindings.py holds the same
 * list); nothing in it needs Python's headers, so one build serves every
 * interpreter. The second part is what the files of the plugin owe each other.
 */
#ifndef UWSGI_TRIO_H
#define UWSGI_TRIO_H

#include <uwsgi.h>

extern struct uwsgi_server uwsgi;

/* Raised whenever a function below changes: bindings.py refuses a plugin that
 * speaks another interface. */
#ifndef UWSGI_TRIO_INTERFACE
#define UWSGI_TRIO_INTERFACE 3
#endif

/* layout.c */

int uwsgi_trio_interface(void);
/* Why this plugin may not touch the running uWSGI, or NULL when it may. */
const char *uwsgi_trio_refusal(void);

/* accounting.c */

/* What happened in a worker since its last call. */
struct uwsgi_trio_counts {
	/* those that the word of uwsgi_trio_requests() has grown by */
	uint64_t requests;
	/* microseconds in which the worker was busy, and the sum of the requests' own */
	uint64_t running_time;
	uint64_t response_time;
	/* bytes of heads and bodies sent */
	uint64_t tx;
	uint64_t exceptions;
	uint64_t read_errors;
	uint64_t write_errors;
	uint64_t static_requests;
	/* requests that ran into harakiri and were cancelled */
	uint64_t harakiri;
	/* index of the app in uwsgi.workers()[n]["apps"], or -1 for none */
	int64_t app;
};

void uwsgi_trio_account(const struct uwsgi_trio_counts *);
/* A word in shared memory: the worker is "busy" while it is not 0. */
int *uwsgi_trio_in_request(void);
/* A word in shared memory: the requests that this worker and its predecessors have served. */
uint64_t *uwsgi_trio_requests(void);
/* Measures this process in bytes and publishes the result. */
void uwsgi_trio_memory(uint64_t *rss, uint64_t *vsz);

/* configuration.c */

int uwsgi_trio_option_count(void);
const char *uwsgi_trio_option_key(int);
/* NULL for an option without a value. */
const char *uwsgi_trio_option_value(int);

/* signals.c */

/* -1 when there is no master. */
int uwsgi_trio_shared_signal_fd(void);
int uwsgi_trio_own_signal_fd(void);
/* 0 when the signal's handler ran. */
int uwsgi_trio_run_signal(uint8_t);

/* hooks.c */

/* 0, or the errno with which the Emperor could not be told. */
int uwsgi_trio_accepting(void);
/* Tells the master that this worker is going to exit. */
void uwsgi_trio_leave(void);

/* logging.c */

int uwsgi_trio_request_log_fd(void);

/*
 * Between the files of the plugin.
 */

/* layout.c: logs the refusal and returns -1 unless built for this very uWSGI. */
int uwsgi_trio_check_layout(void);
/* options.c */
extern struct uwsgi_option uwsgi_trio_options[];
/* hooks.c */
void uwsgi_trio_announce_loyalty(void);
/* metrics.c */
void uwsgi_trio_register_metrics(void);
void uwsgi_trio_store_metrics(void);
/* mules.c */
void uwsgi_trio_mend_mules(void);

#endif
