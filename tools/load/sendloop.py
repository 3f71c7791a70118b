"""The limit of sending files: a blocking loop around `sendfile`, one connection at a time, no framework, no event loop.

`python -m tools.load.sendloop FOLDER PORT` answers `GET /file/NAME`.
"""

import os
import socket
import sys
from pathlib import Path

__all__ = ["answer", "main"]


def main(folder: Path, port: int) -> None:
    """Serve the files of a folder until a signal ends the process."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client, _ = listener.accept()
            with client:
                while answer(client, folder):
                    pass


def answer(client: socket.socket, folder: Path) -> bool:
    """Answer one request; say whether there was one."""
    head = client.recv(65536)
    if not head:
        return False
    name = head.split(b" ")[1].rpartition(b"/")[2].decode()
    with (folder / name).open("rb") as file:
        size, sent = os.fstat(file.fileno()).st_size, 0
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            sent += os.sendfile(client.fileno(), file.fileno(), sent, size - sent)
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
