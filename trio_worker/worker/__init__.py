"""The life of one worker: its start, its signals, its limits and its end, as uWSGI's master asks."""
