/*
 * Mules beside the fork hooks, which Python 3.13 needs in workers.
 *
 * With py-call-uwsgi-fork-hooks the master gives the GIL back between its forks, and the hooks take
 * it for a worker. uWSGI forks a mule without them (core/mule.c), so the first thing that its
 * Python plugin does there, in post_fork, runs without the GIL and crashes. It is taken here;
 * post_fork gives it back when it is done, as it does in a worker.
 */
#define _GNU_SOURCE
#include "trio.h"

#include <dlfcn.h>

/* Of Python's API; the plugin is built without its headers. */
static int (*is_held)(void);
static int (*take)(void);

static void (*python_post_fork)(void);

static void post_fork(void) {
	if (uwsgi.muleid && !is_held()) take();
	python_post_fork();
}

void uwsgi_trio_mend_mules(void) {
	int modifier;
	if (!uwsgi.mules_cnt) return;
	is_held = (int (*)(void)) dlsym(RTLD_DEFAULT, "PyGILState_Check");
	take = (int (*)(void)) dlsym(RTLD_DEFAULT, "PyGILState_Ensure");
	if (!is_held || !take) return;
	for (modifier = 0; modifier < 256; modifier++) {
		struct uwsgi_plugin *plugin = uwsgi.p[modifier];
		if (!plugin->name || strcmp(plugin->name, "python") || !plugin->post_fork) continue;
		python_post_fork = plugin->post_fork;
		plugin->post_fork = post_fork;
		return;
	}
}
