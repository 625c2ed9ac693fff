"""What several of these tests share: one home for the services that they start without a ring, and their figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from noren_bento.settings import Settings, load_settings
from tests.stores import lay_store

Figure = Callable[[int, str], None]


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """Keeps what a test measured of a fault, by its number in docs/faults.md, which tools/faults.py writes of it."""

    def keep(fault: int, words: str) -> None:
        print(f"fault {fault}: {words}")
        record_property(f"fault {fault}", words)

    return keep


@pytest.fixture(scope="module")
def build_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return load_settings(
        {"home": lay_store(home), "environments": os.environ["NOREN_ENVIRONMENTS"]},
        environ={},
        folder=Path("/"),
    )
