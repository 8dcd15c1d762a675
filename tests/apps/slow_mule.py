"""A mule that takes its time with each message, so that its queue gets full."""

import sys
import time

import uwsgi

while True:
    message = uwsgi.mule_get_msg()
    print(f"mule got {message.decode()}", file=sys.stderr, flush=True)
    time.sleep(0.05)
