"""What is spoken on a connection, one module per protocol."""
