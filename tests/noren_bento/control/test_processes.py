"""What `noren up` refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from noren_bento.control import processes
from noren_bento.control.processes import bring_up
from noren_bento.errors import ConflictError, NorenError
from noren_bento.settings import load_settings


def refuse(*_: object) -> None:
    """Stands for a taken port: the next question after the token."""
    raise ConflictError("the port is taken")


@pytest.mark.parametrize(
    ("host", "environ", "words"),
    [
        ("0.0.0.0", {}, "there is no token. Set NOREN_TOKEN"),
        ("192.0.2.1", {"NOREN_OPEN": "0"}, "there is no token"),
        ("192.0.2.1", {"NOREN_TOKEN": "short"}, "at least 16"),
        ("192.0.2.1", {"NOREN_TOKEN": "a-token-that-is-long-enough"}, "the port is taken"),
        ("192.0.2.1", {"NOREN_OPEN": "1"}, "the port is taken"),
        ("127.0.0.1", {}, "the port is taken"),
        ("localhost", {}, "the port is taken"),
    ],
)
def test_another_than_a_loopback_address_needs_a_token(
    host: str, environ: dict[str, str], words: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(processes, "_require_free", refuse)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = load_settings({"home": str(tmp_path), "host": host}, environ={}, folder=Path("/"))
    with pytest.raises(NorenError, match=words):
        bring_up(settings)
