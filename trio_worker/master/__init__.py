"""uWSGI's side of a worker: its API, metrics, statistics and logs, and the native plugin."""
