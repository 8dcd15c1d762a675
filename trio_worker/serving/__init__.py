"""From listening sockets to connections: accepting, the tasks that serve, and which protocol a connection speaks."""
