"""What both tests of floods do: send without end, see a connection closed, watch a process's memory."""

from __future__ import annotations

import socket
import threading

import psutil

GIB = 1 << 30


class Sampler:
    """The most memory that a process has while a block runs."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.before = self.most = process.memory_info().rss
        self.ended = threading.Event()

    def __enter__(self) -> Sampler:
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()
        return self

    def sample(self) -> None:
        while not self.ended.wait(0.005):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


def send_endlessly(
    address: tuple[str, int], headers: str, *, chunked: bool, path: str = "/predict"
) -> tuple[bytes, int]:
    """Send up to 1 GiB; return the answer, and how much the service took."""
    part = b" " * 65_536
    piece = b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
    sent = 0
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}\r\n".encode()
        )
        try:
            while sent < GIB:
                client.sendall(piece)
                sent += len(part)
        except OSError:
            pass  # the service has closed: what it said is still here
        return client.recv(65_536), sent


def is_closed(client: socket.socket) -> bool:
    """Whether the service has ended the connection, with an answer before it or without."""
    client.setblocking(False)
    try:
        while client.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
