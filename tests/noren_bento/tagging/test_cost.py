from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from noren_bento.errors import NorenError
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.cost import (
    Timing,
    cost_from_json,
    cost_of,
    cost_to_json,
    hold_against,
    inputs_of,
    time_predictions,
)
from noren_bento.tagging.frames import to_frame
from noren_bento.tagging.signature import read_signature
from noren_bento.tagging.tag import tag_model

X = np.random.default_rng(0).normal(size=(900, 4))
Y = (X[:, 0] > 0).astype(int)
TIMING = Timing(one_row_ms=1.0, p99_ms=2.0, calls=99, rows=1_000, rows_per_second=5_000.0, peak_bytes=10**8)


class Slow:
    """Takes a millisecond on a clock of its own for each call, and one for each hundred rows."""

    now = 0.0

    def predict(self, X: Any) -> Any:
        Slow.now += 0.001 + len(X) * 1e-5
        return np.zeros(len(X))


def test_one_row_and_all_rows_are_timed_each_on_their_own() -> None:
    signature = replace(
        read_signature(LogisticRegression().fit(X, Y), X, to_frame(X), Y), probabilities=False
    )
    timing = time_predictions(Slow(), inputs_of(to_frame(X), signature), signature, clock=lambda: Slow.now)
    assert timing.one_row_ms == pytest.approx(1.01)
    assert timing.p99_ms == pytest.approx(1.01)
    assert timing.calls == 99
    assert timing.rows_per_second == pytest.approx(900 / 0.010)


def test_each_limit_stands_beside_what_was_measured(settings: Settings) -> None:
    limits = {one.setting: one for one in hold_against(600_000_000, TIMING, settings)}
    assert {name: one.met for name, one in limits.items()} == {
        "max_bytes": False,
        "p99_ms": True,
        "rows_per_second": True,
        "max_memory": True,
    }
    assert limits["max_bytes"].limit == settings.max_bytes
    unknown = replace(TIMING, peak_bytes=None, rows=20, rows_per_second=3.0)
    assert [one.setting for one in hold_against(1, unknown, settings)] == ["max_bytes", "p99_ms"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (RandomForestClassifier(8), "Fewer trees"),
        (HistGradientBoostingClassifier(max_iter=8), "Fewer stages"),
        (DecisionTreeClassifier(), "A pruned tree"),
        (LogisticRegression(), "Sparsity"),
        (KNeighborsClassifier(), "nothing to leave out"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_missed_limit_comes_with_advice_for_this_kind_of_model(
    model: Any, words: str, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"0" * 1_000)
    fitted = model.fit(X, Y)
    assert cost_of(fitted, file, TIMING, settings).advice == ()
    missed = cost_of(fitted, file, TIMING, replace(settings, max_bytes=999))
    assert [one.setting for one in missed.missed] == ["max_bytes"]
    assert words in " ".join(missed.advice)
    slow = cost_of(fitted, file, replace(TIMING, p99_ms=1e3), settings)
    assert "ONNX Runtime" in slow.advice[0]
    assert cost_from_json(cost_to_json(missed)) == missed


def test_a_damaged_record_is_an_error_that_says_so() -> None:
    with pytest.raises(NorenError, match=r"cost.json is damaged"):
        cost_from_json(b'{"bytes": "many"}')


def test_a_tagged_version_says_what_it_costs(settings: Settings) -> None:
    forest = RandomForestClassifier(30, random_state=0).fit(X, Y)
    version = tag_model(
        forest, "costs", train=(X, Y), test=(X, Y), settings=replace(settings, max_bytes=1_000)
    )
    store = ModelStore(settings)
    cost = store.files(version).cost()
    assert cost.bytes == (store.folder(version) / "model.skops").stat().st_size
    assert cost.timing.rows == 900
    assert 0 < cost.timing.one_row_ms <= cost.timing.p99_ms
    assert cost.timing.rows_per_second > 1_000 / cost.timing.one_row_ms
    assert [one.setting for one in cost.missed] == ["max_bytes"]
    assert cost.advice
    if sys.platform == "linux":
        assert cost.timing.peak_bytes is not None
        assert 5e7 < cost.timing.peak_bytes < 2e9


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the high-water mark")
def test_memory_that_numpy_and_libraries_take_is_seen() -> None:
    code = """
import numpy as np
from dataclasses import replace
from sklearn.linear_model import LogisticRegression
from noren_bento.tagging.cost import inputs_of, measure_process
from noren_bento.tagging.frames import to_frame
from noren_bento.tagging.signature import read_signature
X = np.random.default_rng(0).normal(size=(100, 2))
y = X[:, 0] > 0
signature = read_signature(LogisticRegression().fit(X, y), X, to_frame(X), y)
class Hungry:
    def predict(self, X):
        return np.ones((100_000_000 // 8,)).sum() * np.ones(len(X))
timing = measure_process(Hungry(), inputs_of(to_frame(X), signature), replace(signature, probabilities=False))
print(timing.predict_bytes)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 95_000_000 < int(done.stdout) < 150_000_000
