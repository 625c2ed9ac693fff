"""FAULTS 15, 16 and 17 against a service itself: endless bodies, silent and slow sockets, too many connections."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.serving.connections import HEADER_SECONDS
from noren_bento.serving.intake import BODY_SECONDS
from noren_bento.settings import Settings
from noren_bento.targets.temporary import serving
from tests.faults.conftest import Figure
from tests.faults.floods import GIB, Sampler, is_closed, send_endlessly
from tests.noren_bento.builds import build, numbers

pytestmark = pytest.mark.slow
ROW = {f"n{place}": 0.5 for place in range(4)}
JSON = "content-type: application/json\r\n"
BODY = json.dumps({"rows": [ROW]}).encode()


@pytest.fixture(scope="module")
def url(build_settings: Settings) -> Iterator[str]:
    X, y = numbers()
    built = build(LogisticRegression().fit(X, y), "flooded", (X, y), build_settings)
    with serving(built.path, settings=build_settings, workers=1) as url:
        httpx.post(f"{url}/predict", json={"rows": [ROW]}).raise_for_status()
        yield url


@pytest.fixture
def address(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(url.rpartition(":")[2])


def worker_of(url: str) -> psutil.Process:
    """The process that answers: the one whose memory grew by loading the model."""
    port = int(url.rpartition(":")[2])
    masters = {one.pid for one in psutil.process_iter() if f"--port {port}" in " ".join(command(one))}
    family = [child for pid in masters for child in psutil.Process(pid).children(recursive=True)]
    return max(family, key=lambda one: one.memory_info().rss)


def command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_gigabyte_is_413_before_more_than_the_limit_is_held(
    chunked: bool, url: str, address: tuple[str, int], build_settings: Settings, figure: Figure
) -> None:
    headers = "transfer-encoding: chunked\r\n" if chunked else f"content-length: {GIB}\r\n"
    with Sampler(worker_of(url)) as memory:
        answers = [send_endlessly(address, headers, chunked=chunked) for _ in range(3)]
    assert {answer.split(b" ")[1] for answer, _ in answers} == {b"413"}
    assert all(b"connection: close" in answer and b"larger than" in answer for answer, _ in answers)
    grown = memory.most - memory.before
    assert grown <= build_settings.max_body_bytes + 2_000_000
    figure(
        15, f"the service alone, {'chunked' if chunked else 'with a length'}: 413, RSS +{grown / 1e6:.1f} MB"
    )
    assert httpx.post(f"{url}/predict", json={"rows": [ROW]}).status_code == 200


def test_slow_sockets_are_closed_and_keep_nobody_waiting(
    url: str, address: tuple[str, int], figure: Figure
) -> None:
    beginnings = [
        b"",
        b"POST /predict HTT",
        b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ",
        f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\n{JSON}content-length: 100\r\n\r\n{{".encode(),
        f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\n{JSON}transfer-encoding: chunked\r\n\r\n1\r\n".encode(),
    ]
    sockets = [socket.create_connection(address, timeout=0.01) for _ in range(400)]
    for place, client in enumerate(sockets):
        client.sendall(beginnings[place % len(beginnings)])
    began, slowest, still_open = time.monotonic(), 0.0, set(sockets)
    longest = max(HEADER_SECONDS, 1.25 * BODY_SECONDS) + 2
    with httpx.Client() as client_:
        while still_open and time.monotonic() - began < longest:
            asked = time.monotonic()
            assert client_.post(f"{url}/predict", json={"rows": [ROW]}).status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
            still_open = {client for client in still_open if not is_closed(client)}
            time.sleep(0.1)
    for client in sockets:
        client.close()
    taken = time.monotonic() - began
    assert not still_open
    assert slowest < 1
    figure(
        16,
        f"the service alone, 400: 0 open after {taken:.1f} s; slowest good request {1000 * slowest:.0f} ms",
    )


def test_headers_without_end_are_431(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET /version HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        try:
            for number in range(100_000):
                client.sendall(b"x-%d: %b\r\n" % (number, b"x" * 1000))
        except OSError:
            pass  # the service has closed
        assert client.recv(4096).split(b" ")[1] == b"431"


@pytest.mark.parametrize("connections", [500, 2000])
def test_many_connections_are_answered_or_turned_away(
    connections: int, url: str, address: tuple[str, int], figure: Figure
) -> None:
    request = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\n%bcontent-length: %d\r\n\r\n%b" % (
        JSON.encode(), len(BODY), BODY)  # fmt: skip

    async def one() -> tuple[int, float]:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection(*address)
        codes = []
        for _ in range(3):
            writer.write(request)
            await writer.drain()
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            codes.append(int(head.split(b" ")[1]))
        writer.close()
        return max(codes), (time.monotonic() - began) / 3

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(one() for _ in range(connections)))

    found = asyncio.run(all_of_them())
    codes = {code for code, _ in found}
    p99 = float(np.quantile([seconds for _, seconds in found], 0.99))
    assert codes <= {200, 429}
    figure(17, f"the service alone, {connections}: 0 × 5xx, p99 {1000 * p99:.0f} ms")
    assert httpx.post(f"{url}/predict", json={"rows": [ROW]}).status_code == 200
