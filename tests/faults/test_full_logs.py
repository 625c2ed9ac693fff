"""No log grows without end: a running home moves aside what has become too large, and goes on writing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from noren_bento.control.processes import look
from noren_bento.home import Home
from noren_bento.settings import Settings
from noren_bento.targets.logs import LOG_BYTES
from noren_bento.traffic.access_log import FILE_BYTES
from tests.ring.home import running_home, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_running_home_moves_full_logs_aside(tmp_path: Path) -> None:
    with running_home(tmp_path) as settings:
        run = Home(settings).run
        logs = [run / "control.log", run / "envoy.log"]
        access, moved = run / "envoy" / "access.log", run / "envoy" / f"access.log.{0:015d}"
        until(access.exists)
        for log in logs:
            os.truncate(log, LOG_BYTES + 1)
        os.truncate(access, FILE_BYTES + 1)
        until(lambda: all(log.stat().st_size < LOG_BYTES for log in logs))
        # Envoy opens the new file at its next line at the latest.
        until(lambda: (_break_a_request(settings), access.exists())[1])
        until(lambda: access.stat().st_size > 0)
        assert moved.stat().st_size == FILE_BYTES + 1
        assert [log.with_name(f"{log.name}.1").stat().st_size for log in logs] == [LOG_BYTES, LOG_BYTES]
        assert look(settings).troubles == ()


def _break_a_request(settings: Settings) -> None:
    """Something that Envoy writes a line about."""
    with socket.create_connection((settings.host, settings.port), timeout=5) as connection:
        connection.sendall(b"no request\r\n\r\n")
        connection.recv(100)
