/*
 * The metrics of a Trio worker, declared so that an ini does not have to.
 *
 * They are plain values: workers change them with uwsgi.metric_inc and metric_set, as they
 * would those of a "metric" option, and such an option of the same name only
 * redefines one. SNMP finds the counters under 116.1.N and a worker's gauges under
 * 116.2.WORKER.N, N being the place in the lists below. uWSGI writes into metrics-dir
 * only what its own collectors compute; these are written here.
 */
#include "trio.h"

static const char *counters[] = {
	"requests",
	"responses.1xx", "responses.2xx", "responses.3xx", "responses.4xx", "responses.5xx",
	"exceptions", "disconnects", "timeouts", "shed",
	"bytes.in", "bytes.out",
	"connections",
	"websocket.sessions", "websocket.messages.in", "websocket.messages.out",
	"request_time.us",
	"request_time.le.1ms", "request_time.le.5ms", "request_time.le.10ms", "request_time.le.25ms",
	"request_time.le.50ms", "request_time.le.100ms", "request_time.le.250ms", "request_time.le.500ms",
	"request_time.le.1s", "request_time.le.2500ms", "request_time.le.5s",
	NULL
};

static const char *gauges[] = { "in_flight", "connections", "loop_lag.us", NULL };

/* One metric and what its file in metrics-dir says. */
struct entry {
	struct uwsgi_metric *metric;
	int64_t stored;
	struct entry *next;
};

static struct entry *entries;

static void declare(char *name, char *oid, uint8_t type) {
	struct entry *entry = uwsgi_calloc(sizeof(struct entry));
	entry->metric = uwsgi_register_metric(name, oid, type, NULL, NULL, 0, NULL);
	entry->next = entries;
	entries = entry;
}

static void declare_counter(int place) {
	char name[64], oid[64];
	snprintf(name, sizeof(name), "trio.%s", counters[place]);
	snprintf(oid, sizeof(oid), "116.1.%d", place + 1);
	declare(name, oid, UWSGI_METRIC_COUNTER);
}

static void declare_gauge(int worker, int place) {
	char name[64], oid[64];
	snprintf(name, sizeof(name), "trio.worker.%d.%s", worker, gauges[place]);
	snprintf(oid, sizeof(oid), "116.2.%d.%d", worker, place + 1);
	declare(name, oid, UWSGI_METRIC_GAUGE);
}

/* Who loads the plugin wants the metrics that it declares, unless the ini says enable-metrics = false.
 * The master keeps them. */
static void keep_metrics(void) {
	if (uwsgi.master_process && !uwsgi_get_exported_opt("enable-metrics")) uwsgi.has_metrics = 1;
}

void uwsgi_trio_register_metrics(void) {
	int place, worker;
	keep_metrics();
	if (!uwsgi.has_metrics) return;
	for (place = 0; counters[place]; place++) declare_counter(place);
	for (worker = 1; worker <= uwsgi.numproc; worker++) {
		for (place = 0; gauges[place]; place++) declare_gauge(worker, place);
	}
}

/* With metrics-dir-restore uWSGI reads the old value into initial_value, and leaves it to the
 * collector, which these have none of, to add it. */
static void restore_counters(void) {
	struct entry *entry;
	uwsgi_wlock(uwsgi.metrics_lock);
	for (entry = entries; entry; entry = entry->next) {
		if (entry->metric->type == UWSGI_METRIC_COUNTER) *entry->metric->value += entry->metric->initial_value;
	}
	uwsgi_rwunlock(uwsgi.metrics_lock);
}

static void store(struct entry *entry) {
	int64_t value = *entry->metric->value;
	if (!entry->metric->map || value == entry->stored) return;
	/* a shorter number must not end in the digits of a longer one */
	memset(entry->metric->map, 0, (size_t) uwsgi.page_size);
	snprintf(entry->metric->map, (size_t) uwsgi.page_size, "%lld\n", (long long) value);
	entry->stored = value;
}

/* Called at every turn of the master's loop, which may be many a second. */
void uwsgi_trio_store_metrics(void) {
	static time_t last;
	time_t now = uwsgi_now();
	struct entry *entry;
	if (!uwsgi.metrics_dir || now == last) return;
	if (!last && uwsgi.metrics_dir_restore) restore_counters();
	last = now;
	for (entry = entries; entry; entry = entry->next) store(entry);
}
