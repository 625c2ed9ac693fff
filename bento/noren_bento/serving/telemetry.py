"""Telemetry: BentoML's is off in every process that imports a bento's service, whoever started it and how."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import os

from noren_bento.serving.image import ENVIRONMENT

VARIABLE = "BENTOML_DO_NOT_TRACK"


def send_no_telemetry() -> None:
    """Say so to this process and to those that it starts.

    `bentoml serve` has asked, and remembered the answer, before it imports the service: it must ask again.
    """
    from bentoml._internal.utils.analytics import usage_stats

    os.environ[VARIABLE] = ENVIRONMENT[VARIABLE]
    usage_stats.do_not_track.cache_clear()
