"""Replay: reference rows through a running bento, the absolute test of a first release."""

from __future__ import annotations

import http.client
import json
from typing import Any

from noren_bento.release.evidence import ArmCounts
from noren_bento.traffic.envoy_config import Upstream

# The service leaves what arrives on a second attempt out of its counts; a replay is no traffic either.
_UNCOUNTED = {"content-type": "application/json", "x-envoy-attempt-count": "2"}


def replay(rows: list[dict[str, Any]], upstream: Upstream, *, deadline_seconds: float) -> ArmCounts:
    """Send each row in turn and count the answers that are no 200; rows are sent alone, as users send them."""
    failed = 0
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=deadline_seconds)
    try:
        for row in rows:
            try:
                connection.request("POST", "/predict", json.dumps({"rows": [row]}), _UNCOUNTED)
                answer = connection.getresponse()
                answer.read()
                failed += answer.status != http.client.OK
            except (OSError, http.client.HTTPException):
                failed += 1
                connection.close()
    finally:
        connection.close()
    return ArmCounts(len(rows), failed, failed)
