/*
 * The trio-* options, declared so that --help lists them and strict = true accepts them.
 *
 * uWSGI keeps every option of the configuration whether it knows it or not; the worker
 * reads them there (configuration.c), so nothing is left to do as one is met.
 */
#include "trio.h"

static void keep(char *name, char *value, void *data) {
	(void) name;
	(void) value;
	(void) data;
}

#define VALUE(name, help) { "trio-" name, required_argument, 0, help, keep, NULL, 0 }

struct uwsgi_option uwsgi_trio_options[] = {
	VALUE("engine", "who serves the connections of a Trio worker: express or hypercorn"),
	VALUE("hypercorn-config", "load Hypercorn's configuration from the specified TOML file"),
	VALUE("quart-direct", "let a QuartTrio app answer without a nursery per request: true or false"),
	VALUE("uwsgi-allow", "accept uwsgi packets over TCP from the specified addresses or networks"),
	VALUE("proxy-allow", "accept PROXY protocol headers from the specified addresses or networks"),
	VALUE("proxy-headers", "believe those peers' forwarding headers: any, x-forwarded or forwarded"),
	VALUE("protocols", "LIST or ADDRESS=LIST: speak no more than http/1.1, h2, h2c, websocket, uwsgi of that list"),
	VALUE("root-path", "where clients see the app, when a front takes that from the beginning of the path"),
	VALUE("h2c-upgrade", "follow Upgrade: h2c on plain connections and from no front: true or false"),
	VALUE("half-close", "answer a client that has closed its side after its request: true or false"),
	VALUE("websocket-deflate", "compress WebSocket messages: on, off, or the bits of the window, 9 to 15"),
	VALUE("keepalive-timeout", "close a connection idle for the specified seconds"),
	VALUE("header-timeout", "give a client the specified seconds to send a request's head"),
	VALUE("body-timeout", "close a connection whose request body stalls for the specified seconds"),
	VALUE("body-rate", "end a request whose body brings fewer than the specified bytes a second over ten seconds"),
	VALUE("write-timeout", "close a connection whose client reads nothing for the specified seconds"),
	VALUE("drain-linger", "serve idle keep-alive connections for the specified seconds while a worker drains"),
	VALUE("drain-delay", "go on accepting for the specified seconds before a worker drains"),
	VALUE("drain-spread", "end the connections of a draining worker one after the other over the specified seconds"),
	VALUE("health", "answer the specified path: 200 while the worker serves, 503 when its end has begun"),
	VALUE("max-requests-in-flight", "let requests above the specified number wait in a worker"),
	VALUE("queue-timeout", "answer a request that has waited for the specified seconds with 503"),
	VALUE("certfile", "serve TLS with the specified certificate chain"),
	VALUE("keyfile", "the private key of trio-certfile"),
	VALUE("ca-certs", "ask TLS clients for a certificate signed by the specified authorities"),
	VALUE("client-certificates", "whether TLS clients must have a certificate: required or optional"),
	VALUE("certificate", "NAME=CERT,KEY: serve TLS with that certificate to clients that ask for that name"),
	VALUE("clear-text", "speak clear text as well on sockets with trio-certfile"),
	VALUE("accept-dead-rules", "names of options whose rules deny nothing in a Trio worker, seen to elsewhere"),
	VALUE("live-reload", "let an open page reload itself when its worker has been replaced"),
	VALUE("compress", "compress the app's responses in the specified codings: gzip, br, zstd"),
	VALUE("compress-types", "compress responses of the specified content types"),
	VALUE("compress-min", "compress response bodies of at least the specified bytes"),
	VALUE("max-connections", "stop accepting in a worker that holds the specified number of connections"),
	VALUE("metrics-interval", "flush metrics and statistics every specified seconds"),
	VALUE("request-id", "pass on or make an id for each request in the specified header"),
	VALUE("log-json", "write the worker's log and its request lines as JSON: true or false"),
	VALUE("status", "answer with the workers' figures, and not by the app, on the specified socket of the ini"),
	VALUE("status-token", "let those who know the specified token cancel, drain and reload on the status socket"),
	VALUE("status-hosts", "let the status be asked by the specified names as well"),
	VALUE("metrics-routes", "keep the specified number of the app's routes apart in the figures"),
	VALUE("proctitle", "show requests and state in the title of each worker's process: true or false"),
	VALUE("date-header", "add a Date header to responses: true or false"),
	VALUE("server-header", "add a Server header to responses: true or false"),
	{ NULL, 0, 0, NULL, NULL, NULL, 0 }
};
