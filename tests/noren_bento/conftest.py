from __future__ import annotations

import os
from pathlib import Path

import pytest

from noren_bento.settings import Settings, load_settings
from tests.stores import lay_store


@pytest.fixture(scope="session")
def build_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home for all builds; environments are kept between runs."""
    home = tmp_path_factory.mktemp("builds")
    return load_settings(
        {"home": lay_store(home), "environments": os.environ["NOREN_ENVIRONMENTS"], "workers": 1},
        environ={},
        folder=Path("/"),
    )
