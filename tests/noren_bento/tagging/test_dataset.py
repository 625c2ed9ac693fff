"""The digest of a split: of the set of its rows, whatever their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from noren_bento.errors import NorenError
from noren_bento.tagging import dataset
from noren_bento.tagging.dataset import read_dataset


def digest(frame: pd.DataFrame, y: np.ndarray | None = None, **options: object) -> str:
    return read_dataset(frame, y, **options).digest  # type: ignore[arg-type]


def test_rows_in_another_order_have_the_same_digest_whatever_they_hold(mixed) -> None:
    frame, y = mixed
    shuffled = np.random.default_rng(3).permutation(len(frame))
    assert digest(frame, y) == digest(frame.iloc[shuffled], y[shuffled])
    assert digest(frame, y) != digest(frame, y[shuffled])
    assert digest(frame, y) != digest(frame.iloc[shuffled], y)


def test_the_size_of_the_chunks_does_not_show(mixed, monkeypatch) -> None:
    whole = digest(*mixed)
    monkeypatch.setattr(dataset, "LEAST_ROWS", 7)
    monkeypatch.setattr(dataset, "CHUNK_CELLS", 7)
    assert digest(*mixed) == whole


def test_one_value_one_row_one_name_one_dtype_or_one_target_more_is_another_digest() -> None:
    frame = pd.DataFrame({"a": [1, 2, 2], "b": ["x", "y", "y"]})
    y = np.array([0, 1, 1])
    others = [
        (frame.assign(a=[1, 2, 3]), y),
        (frame.iloc[[0, 1]], y[:2]),
        (frame.iloc[[0, 1, 2, 2]], y[[0, 1, 2, 2]]),
        (frame.iloc[[0, 0, 0]], y[[0, 0, 0]]),
        (frame.rename(columns={"a": "c"}), y),
        (frame[["b", "a"]], y),
        (frame.astype({"a": float}), y),
        (frame, y.astype(float)),
        (frame, None),
    ]
    digests = {digest(*other) for other in [(frame, y), *others]}
    assert len(digests) == 1 + len(others)


def test_several_targets_count_by_name_and_by_row() -> None:
    frame, y = pd.DataFrame({"a": [1.0, 2.0]}), np.array([[1, 2], [3, 4]])
    one = read_dataset(frame, y, targets=("north", "south"))
    assert one.targets == {"north": "int64", "south": "int64"}
    assert one.digest == digest(frame[::-1], y[::-1], targets=("north", "south"))
    assert one.digest != digest(frame, y[:, ::-1], targets=("north", "south"))
    assert one.digest != digest(frame, y, targets=("south", "north"))


def test_a_split_says_its_rows_columns_and_dtypes(mixed) -> None:
    frame, y = mixed
    told = read_dataset(frame, y)
    assert told.rows == 120
    assert told.dtypes["nullable"] == "Int64"
    assert list(told.dtypes) == frame.columns.tolist()
    assert told.targets == {"y": "bool"}


def test_texts_that_are_no_unicode_and_objects_of_several_kinds_have_a_digest() -> None:
    odd = pd.DataFrame({"t": pd.Series(["a\ud800", None, "b"], dtype=object), "n": [1.0, 2.0, 3.0]})
    assert digest(odd) == digest(odd[::-1])
    labels = np.array(["yes", 1, (1, 2)], dtype=object)
    assert digest(odd, labels) == digest(odd[::-1], labels[::-1])


def test_a_stopped_tag_stops_the_reading() -> None:
    with pytest.raises(NorenError, match="stopped"):
        read_dataset(pd.DataFrame({"a": [1.0]}), going=lambda: False)
