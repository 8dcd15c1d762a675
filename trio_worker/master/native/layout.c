/*
 * Is this plugin made for the uWSGI that has just loaded it?
 *
 * A plugin writes into uWSGI's structures at offsets fixed when it was compiled.
 * uWSGI itself checks nothing but that the symbols resolve, so a plugin built for
 * another release, or for the same release with other features, would scribble
 * over its memory. Whatever decides the layout travels inside each binary: its
 * uwsgi.h and its compiler flags, which --build-plugin compiles with. The build
 * (uwsgiplugin.py) leaves a digest of both here, and they are taken again
 * from the running binary at load. What the header draws from the system's headers shows
 * in the size of the one structure whose symbol the dynamic linker knows.
 */
#define _GNU_SOURCE
#include "trio.h"

#include <link.h>

#if !defined(UWSGI_TRIO_HEADER_DIGEST) || !defined(UWSGI_TRIO_CFLAGS_DIGEST)
#error "build this plugin with: uwsgi --build-plugin"
#endif

/* The reason, and what to do about it. */
#define refuse(reason, ...) \
	snprintf(refusal, sizeof(refusal), reason "; build it again with: trio-worker build-plugin", __VA_ARGS__)

static char refusal[512] = "uWSGI has not loaded it as a plugin";

int uwsgi_trio_interface(void) {
	return UWSGI_TRIO_INTERFACE;
}

const char *uwsgi_trio_refusal(void) {
	return refusal[0] ? refusal : NULL;
}

/* FNV-1a; uwsgiplugin.py computes the same. */
static uint64_t digest(const char *text) {
	uint64_t hash = 0xcbf29ce484222325ULL;
	for (; *text; text++) {
		hash = (hash ^ (unsigned char) *text) * 0x100000001b3ULL;
	}
	return hash;
}

/* The flags hold -DUWSGI_VERSION="\"2.0.31\"": the only place that tells a
 * binary's version without knowing its layout. */
static void version_in(const char *cflags, char *version, size_t size) {
	const char *found = strstr(cflags, "-DUWSGI_VERSION=");
	snprintf(version, size, "of an unknown version");
	if (!found) return;
	found += strlen("-DUWSGI_VERSION=");
	found += strspn(found, "\"\\");
	snprintf(version, size, "%.*s", (int) strcspn(found, "\"\\ "), found);
}

static size_t running_server_size(void) {
/* glibc's alone; elsewhere header and flags must do */
#ifdef __GLIBC__
	Dl_info info;
	const ElfW(Sym) *symbol = NULL;
	if (dladdr1(&uwsgi, &info, (void **) &symbol, RTLD_DL_SYMENT) && symbol) {
		return symbol->st_size;
	}
#endif
	return sizeof(struct uwsgi_server);
}

static int header_differs(void) {
	char *header = uwsgi_get_dot_h();
	int differs = digest(header) != UWSGI_TRIO_HEADER_DIGEST;
	/* uWSGI answers an unreadable header with a literal "" */
	if (*header) free(header);
	return differs;
}

static void compare(const char *cflags) {
	char version[64];
	version_in(cflags, version, sizeof(version));
	if (strcmp(version, UWSGI_VERSION)) {
		refuse("built for uWSGI %s, but this is uWSGI %s", UWSGI_VERSION, version);
	}
	else if (header_differs()) {
		refuse("built with another uwsgi.h than this uWSGI %s", version);
	}
	else if (digest(cflags) != UWSGI_TRIO_CFLAGS_DIGEST) {
		refuse("built with other compiler flags than this uWSGI %s", version);
	}
	else if (running_server_size() != sizeof(struct uwsgi_server)) {
		refuse("struct uwsgi_server has %zu bytes in this uWSGI %s, %zu in the plugin",
			running_server_size(), version, sizeof(struct uwsgi_server));
	}
	else {
		refusal[0] = 0;
	}
}

int uwsgi_trio_check_layout(void) {
	char *cflags = uwsgi_get_cflags();
	compare(cflags);
	free(cflags);
	if (!refusal[0]) return 0;
	uwsgi_log("[trio] plugin refused: %s\n", refusal);
	return -1;
}
