"""Envoy with the shipped configuration before two services that answer as a test tells them to."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from noren_bento.release.route import Route
from noren_bento.targets.ports import free_port
from noren_bento.traffic.envoy import Envoy
from noren_bento.traffic.envoy_config.bootstrap import Listener
from noren_bento.traffic.envoy_config.clusters import Upstream

HANG_SECONDS = 1.5
"""Longer than the deadlines of the tests that let a service hang, shorter than that of a bulk body."""


def wait_for(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.01)


class Service:
    """An HTTP server that answers POSTs as it is told to."""

    def __init__(self, name: str) -> None:
        self.name, self.behaviour, self.headers, self.paths = name, "good", {}, []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                service.headers = dict(self.headers)
                service.paths.append(self.path)
                if service.behaviour == "hangs":
                    time.sleep(HANG_SECONDS)
                body = json.dumps({"model": service.name}).encode()
                self.send_response({"fails": 500, "refuses": 422}.get(service.behaviour, 200))
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                pass  # a peer that reset a connection is part of the test

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def running_envoy(folder: Path, *, max_body_bytes: int = 1_000_000) -> Iterator[Envoy]:
    """Envoy with the shipped configuration, on a free port."""
    listener = Listener("127.0.0.1", free_port(), str(folder), str(folder / "admin.sock"), max_body_bytes)
    envoy = Envoy(listener)
    command = [Path(sys.executable).parent / "envoy", "-c", envoy.prepare(), "--concurrency", "1"]
    command += ["--use-dynamic-base-id", "--service-node", "n1", "--service-cluster", "noren"]
    command += ["--file-flush-interval-msec", "100", "--log-level", "error"]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_for(envoy.is_live)
        yield envoy
    finally:
        process.terminate()
        process.wait(10)


class Bench:
    """Envoy, its services, and one client: to make one costs more than a request."""

    def __init__(self, folder: Path) -> None:
        self._running = running_envoy(folder)
        self.envoy = self._running.__enter__()
        self.port = self.envoy.listener.port
        self.champion, self.candidate = Service("m/1"), Service("m/2")
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        self.upstreams = {
            service.name: Upstream(service.name, "127.0.0.1", service.port)
            for service in (self.champion, self.candidate)
        }

    def apply(self, route: Route) -> None:
        self.envoy.apply([route], self.upstreams)
        wait_for(lambda: self.post()[0] != 404)

    def post(self, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
        answer = self.client.post("/m/predict", content=b"{}", headers=headers)
        body = answer.json()
        return (
            answer.status_code,
            answer.headers.get("x-noren-chosen", ""),
            body.get("model", body.get("error")),
        )

    def close(self) -> None:
        self.client.close()
        self._running.__exit__(None, None, None)
        self.champion.close()
        self.candidate.close()
