"""`python -m support.hostile.echo` answers each request at once: what clients wait for it is the machine's doing."""

import select
import socket

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


def main() -> None:
    """Tell the port, and answer one connection until it ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        # Level-triggered epoll, as the worker's loop has it: a blocking read would be woken otherwise.
        while True:
            with listening.accept()[0] as client, select.epoll() as epoll:
                epoll.register(client, select.EPOLLIN)
                while epoll.poll() and client.recv(4096):
                    client.sendall(ANSWER)


if __name__ == "__main__":
    main()
