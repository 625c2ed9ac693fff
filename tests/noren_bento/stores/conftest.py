from __future__ import annotations

from pathlib import Path

import pytest

from noren_bento.settings import Settings, load_settings
from tests.stores import lay_store


@pytest.fixture(scope="session")
def store_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One MLflow store for all tests, since a fresh one takes seconds; each test has model names of its own."""
    return load_settings({"home": lay_store(tmp_path_factory.mktemp("home"))}, environ={}, folder=Path("/"))
