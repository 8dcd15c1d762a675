/*
 * uWSGI's own signal framework (timers, cron, file monitors, uwsgi.signal).
 *
 * The master writes one byte, the signal's number, into one of two sockets: one that
 * all workers share, and one of this worker. Who has read a byte runs its handler.
 */
#include "trio.h"

int uwsgi_trio_shared_signal_fd(void) {
	return uwsgi.signal_socket;
}

int uwsgi_trio_own_signal_fd(void) {
	return uwsgi.my_signal_socket;
}

int uwsgi_trio_run_signal(uint8_t number) {
	return uwsgi_signal_handler(number);
}
