"""The life of one worker: it starts, serves, keeps its limits and ends, as uWSGI's master asks."""
