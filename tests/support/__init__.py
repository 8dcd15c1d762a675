"""What the tests share: a real uWSGI to talk to, and clients to talk to it."""
