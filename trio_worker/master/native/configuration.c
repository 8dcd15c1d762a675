/*
 * The options as the operator gave them: all of them, in order.
 *
 * On Python 3 uWSGI's own uwsgi.opt keeps only the last value of a repeated option.
 * The list is complete once the configuration has been read and never changes afterwards.
 */
#include "trio.h"

int uwsgi_trio_option_count(void) {
	return uwsgi.exported_opts_cnt;
}

const char *uwsgi_trio_option_key(int index) {
	return uwsgi.exported_opts[index]->key;
}

const char *uwsgi_trio_option_value(int index) {
	return uwsgi.exported_opts[index]->value;
}
