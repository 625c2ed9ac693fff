from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import Build
from noren_bento.settings import Settings
from tests.noren_bento.builds import build, numbers


@pytest.fixture(scope="session")
def built(build_settings: Settings) -> Build:
    """A compiled version of four numeric columns."""
    X, y = numbers()
    return build(LogisticRegression().fit(X, y), "served", (X, y), build_settings)
