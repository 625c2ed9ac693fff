"""Replay: reference rows through a running bento, the absolute test of a first release."""

from __future__ import annotations

import http.client
import json
import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noren_bento.release.evidence import ArmCounts
from noren_bento.release.release import Release
from noren_bento.serving.door import token_headers
from noren_bento.serving.predictor import MODEL_FOLDER, read_replay
from noren_bento.traffic.envoy_config.clusters import Upstream

ROW_SECONDS = 5.0
# The service leaves what arrives on a second attempt out of its counts; a replay is no traffic either.
_UNCOUNTED = {"content-type": "application/json", "x-envoy-attempt-count": "2"}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    counts: ArmCounts
    p99_ms: float


class Replays:
    """Replays that run in threads: a bento that hangs holds up nobody but itself."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="replay")
        self._running: dict[str, Future[Replayed]] = {}

    def result(self, release: Release, upstream: Upstream) -> Replayed | None:
        """Begin the replay of this release at the first call; return its result when it is there."""
        if release.id not in self._running:
            rows = read_replay(Path(release.bento_path) / MODEL_FOLDER)
            limit = math.floor(release.plan.max_error_rate * len(rows))
            self._running[release.id] = self._pool.submit(replay, rows, upstream, stop_after=limit)
        future = self._running[release.id]
        return future.result() if future.done() else None

    def close(self) -> None:
        """Begin no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def replay(rows: Sequence[dict[str, Any]], upstream: Upstream, *, stop_after: int) -> Replayed:
    """Send each row alone, as users send them, and count the answers that are no 200.

    More than `stop_after` failures settle it: the rest is not sent.
    """
    failed, seconds = 0, []
    headers = _UNCOUNTED | token_headers(os.environ)
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=ROW_SECONDS)
    try:
        for row in rows:
            begun = time.perf_counter()
            try:
                connection.request("POST", "/predict", json.dumps({"rows": [row]}), headers)
                answer = connection.getresponse()
                answer.read()
                failed += answer.status != http.client.OK
            except (OSError, http.client.HTTPException):
                failed += 1
                connection.close()
            seconds.append(time.perf_counter() - begun)
            if failed > stop_after:
                break
    finally:
        connection.close()
    p99 = sorted(seconds)[min(len(seconds) - 1, int(0.99 * len(seconds)))] if seconds else 0.0
    return Replayed(ArmCounts(len(seconds), failed, failed), 1000 * p99)
