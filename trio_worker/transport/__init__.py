"""One client's connection as bytes, plain or TLS, and what watches all of them: deadlines, hang-ups."""
