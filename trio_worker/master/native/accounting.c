/*
 * The numbers by which the master, the stats server and uwsgitop judge a worker.
 *
 * uWSGI counts in uwsgi_close_request(), which a worker override never reaches; this
 * adds up the same fields, a batch at a time. They live in memory shared with the
 * master, so they survive the worker. All of a Trio worker's requests run on its first core.
 *
 * Two words of that memory are the worker's to write at every request: whether it is busy, and
 * how many requests it has served. So their number is right also when a worker is killed between two
 * batches. Once a second the master sets the requests of a worker, and the total, to the sum of the cores'.
 */
#include "trio.h"

static struct uwsgi_worker *this_worker(void) {
	return &uwsgi.workers[uwsgi.mywid];
}

/* uWSGI moves the average half the way to every response time in turn: n requests
 * leave 1/2^n of the old distance, here taken to the mean of the batch. */
static void move_average(struct uwsgi_worker *worker, const struct uwsgi_trio_counts *counts) {
	int64_t mean = (int64_t) (counts->response_time / counts->requests);
	int64_t distance = (int64_t) worker->avg_response_time - mean;
	int halvings = counts->requests < 62 ? (int) counts->requests : 62;
	worker->avg_response_time = (uint64_t) (mean + distance / ((int64_t) 1 << halvings));
}

static void count_on_core(struct uwsgi_core *core, const struct uwsgi_trio_counts *counts) {
	core->static_requests += counts->static_requests;
	core->exceptions += counts->exceptions;
	core->read_errors += counts->read_errors;
	core->write_errors += counts->write_errors;
}

static void count_on_worker(struct uwsgi_worker *worker, const struct uwsgi_trio_counts *counts) {
	worker->requests = worker->cores[0].requests;
	worker->delta_requests += counts->requests;
	worker->running_time += counts->running_time;
	worker->tx += counts->tx;
	worker->harakiri_count += counts->harakiri;
}

static void count_on_app(struct uwsgi_worker *worker, const struct uwsgi_trio_counts *counts) {
	if (counts->app < 0 || counts->app >= worker->apps_cnt) return;
	worker->apps[counts->app].requests += counts->requests;
	worker->apps[counts->app].exceptions += counts->exceptions;
}

void uwsgi_trio_account(const struct uwsgi_trio_counts *counts) {
	struct uwsgi_worker *worker = this_worker();
	/* number 0 is the master, or a mule, and serves nothing */
	if (!uwsgi.mywid) return;
	count_on_core(&worker->cores[0], counts);
	count_on_worker(worker, counts);
	count_on_app(worker, counts);
	if (!counts->requests) return;
	move_average(worker, counts);
	uwsgi_trio_announce_loyalty();
}

int *uwsgi_trio_in_request(void) {
	return &this_worker()->cores[0].in_request;
}

uint64_t *uwsgi_trio_requests(void) {
	return &this_worker()->cores[0].requests;
}

void uwsgi_trio_memory(uint64_t *rss, uint64_t *vsz) {
	get_memusage(rss, vsz);
	this_worker()->rss_size = *rss;
	this_worker()->vsz_size = *vsz;
}
