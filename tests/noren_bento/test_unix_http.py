"""HTTP over a unix socket, against a real server."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from noren_bento.unix_http import call


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(f"GET {self.path}".encode())

    def do_POST(self) -> None:
        self.answer(b"POST " + self.rfile.read(int(self.headers.get("content-length", 0))))

    def answer(self, body: bytes) -> None:
        self.send_response(404 if self.path == "/nothing" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("s") / "odd [x] %é.sock"
    server = ThreadingUnixStreamServer(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


def test_status_and_body_are_returned(path: Path) -> None:
    assert call(path, "/stats?a=1") == (200, b"GET /stats?a=1")
    assert call(path, "/nothing")[0] == 404
    assert call(path, "/reopen_logs", method="POST") == (200, b"POST ")
    assert call(path, "/releases", method="POST", body=b"{}") == (200, b"POST {}")


def test_where_nobody_listens_it_raises_and_leaks_no_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "none.sock"
    with pytest.raises(FileNotFoundError):
        call(path, "/")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        with pytest.raises(ConnectionRefusedError):
            call(path, "/")


def test_one_that_accepts_and_says_nothing_is_given_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "hung.sock"
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            call(path, "/", timeout=0.2)
        assert time.monotonic() - began < 2


def test_one_that_speaks_no_http_is_an_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "odd.sock"
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(str(path))
        odd.listen()

        def speak() -> None:
            with odd.accept()[0] as connection:
                connection.recv(100)
                connection.sendall(b"hello\r\n\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(http.client.HTTPException):
            call(path, "/")
        thread.join()
