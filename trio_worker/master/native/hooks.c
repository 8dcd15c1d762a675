/*
 * What uWSGI does as a worker begins to accept, after its first request, and as it leaves.
 *
 * The order is that of uwsgi_ignition(): the mark that a chain reload waits for, the
 * byte by which the Emperor learns that its vassal is ready, the accepting hooks. The byte of
 * loyalty, which spares a vassal the Emperor's throttling, follows the first request.
 */
#include "trio.h"

#define EMPEROR_READY 5
#define EMPEROR_LOYAL 17

static int tell_emperor(char byte) {
	return write(uwsgi.emperor_fd, &byte, 1) == 1 ? 0 : errno;
}

/* A hook that fails destroys the instance, as in every worker (the 1). */
static void run_accepting_hooks(void) {
	int first_life = uwsgi.workers[uwsgi.mywid].respawn_count == 1;
	uwsgi_hooks_run(uwsgi.hook_accepting, "accepting", 1);
	if (first_life) uwsgi_hooks_run(uwsgi.hook_accepting_once, "accepting-once", 1);
	if (uwsgi.mywid != 1) return;
	uwsgi_hooks_run(uwsgi.hook_accepting1, "accepting1", 1);
	if (first_life) uwsgi_hooks_run(uwsgi.hook_accepting1_once, "accepting1-once", 1);
}

int uwsgi_trio_accepting(void) {
	uwsgi.workers[uwsgi.mywid].accepting = 1;
	if (uwsgi.has_emperor && uwsgi.mywid == 1) {
		int error = tell_emperor(EMPEROR_READY);
		if (error) return error;
	}
	run_accepting_hooks();
	return 0;
}

/* As goodbye_cruel_world(): the master then takes its exit for no accident, and has
 * mercy with it for so long. */
void uwsgi_trio_leave(void) {
	uwsgi.workers[uwsgi.mywid].manage_next_request = 0;
	if (!uwsgi.workers[uwsgi.mywid].cursed_at) uwsgi_curse(uwsgi.mywid, 0);
}

void uwsgi_trio_announce_loyalty(void) {
	if (!uwsgi.has_emperor || uwsgi.loyal) return;
	uwsgi_log("announcing my loyalty to the Emperor...\n");
	if (tell_emperor(EMPEROR_LOYAL)) uwsgi_error("[trio] announcing loyalty/write()");
	uwsgi.loyal = 1;
}
