/*
 * The plugin as uWSGI sees it: "plugin = trio" loads it in the master, once.
 */
#include "trio.h"

static void on_load(void);

static int init(void) {
	uwsgi_trio_register_metrics();
	uwsgi_trio_mend_mules();
	return 0;
}

/* The room is for fields that a later uWSGI may have appended to the structure: it
 * would read them behind ours, and must find nothing there to call. */
struct {
	struct uwsgi_plugin plugin;
	void *room[32];
} trio_plugin = {
	.plugin = {
		.name = "trio",
		.on_load = on_load,
		/* before uWSGI lays out the memory of its metrics */
		.init = init,
		.options = uwsgi_trio_options,
		.master_cycle = uwsgi_trio_store_metrics,
	},
};

/* A refused plugin stays loaded, but is left with nothing that uWSGI could call. */
static void on_load(void) {
	if (uwsgi_trio_check_layout()) {
		trio_plugin.plugin = (struct uwsgi_plugin) { .name = "trio" };
	}
}
