"""What several of these tests share: one home for the services that they start without a ring."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from noren_bento.settings import Settings, load_settings
from tests.stores import lay_store


@pytest.fixture(scope="module")
def build_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return load_settings(
        {"home": lay_store(home), "environments": os.environ["NOREN_ENVIRONMENTS"]},
        environ={},
        folder=Path("/"),
    )
