"""Frames keep their dtypes through Parquet and become what profiles and models take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noren_bento.errors import NorenError
from noren_bento.release.version import Column, Signature
from noren_bento.tagging.frames import (
    model_input,
    profile_columns,
    profile_outputs,
    restore_frame,
    sample_rows,
    to_frame,
)
from noren_bento.tagging.rows import to_rows
from noren_bento.tagging.signature import read_column


def signature_of(frame: pd.DataFrame) -> Signature:
    return Signature(tuple(read_column(name, frame[name]) for name in frame.columns), "regression")


def test_a_profile_counts_floats_dates_and_text(mixed: tuple[pd.DataFrame, np.ndarray]) -> None:
    columns = profile_columns(mixed[0], signature_of(mixed[0]))
    kinds = {name: values.dtype.kind for name, values in columns.items()}
    assert kinds == {
        "number": "f", "hole": "f", "count": "f", "nullable": "f", "flag": "f", "season": "f",
        "text": "O", "object": "O", "level": "O", "at": "M", "zoned": "M",
    }  # fmt: skip
    assert np.isnan(columns["nullable"][3])
    assert columns["text"][4] is None
    assert np.isnat(columns["at"][5])
    assert columns["zoned"][0] == np.datetime64("2025-12-31T23:00")


def test_rows_are_what_json_carries(mixed: tuple[pd.DataFrame, np.ndarray]) -> None:
    import json

    rows = to_rows(mixed[0].head(6), signature_of(mixed[0]))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[3]["nullable"] is None
    assert isinstance(rows[0]["season"], int)
    assert isinstance(rows[0]["flag"], bool)
    assert rows[0]["zoned"] == "2026-01-01T00:00:00+01:00"


def test_parquet_and_back_gives_the_same_frame(
    mixed: tuple[pd.DataFrame, np.ndarray], tmp_path: Path
) -> None:
    frame = mixed[0].assign(
        ordered=mixed[0]["level"].cat.as_ordered(), small=mixed[0]["number"].astype("float32")
    )
    frame.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(
        restore_frame(pd.read_parquet(tmp_path / "a.parquet"), signature_of(frame)), frame
    )


def test_other_data_is_brought_to_the_dtypes_of_the_model() -> None:
    signature = Signature((Column("a", "number", "float64"), Column("b", "integer", "int32")), "regression")
    frame = restore_frame(pd.DataFrame({"b": [1, 2], "a": [1, 2], "c": [0, 0]}), signature)
    assert frame.dtypes.astype(str).to_dict() == {"a": "float64", "b": "int32"}
    with pytest.raises(NorenError, match="lacks the column 'a'"):
        restore_frame(pd.DataFrame({"b": [1]}), signature)
    with pytest.raises(NorenError, match="'b' does not convert to int32"):
        restore_frame(pd.DataFrame({"a": [1.0], "b": ["x"]}), signature)


def test_an_array_comes_back_in_its_dtype() -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    frame = to_frame(array)
    signature = Signature(
        tuple(read_column(n, frame[n]) for n in frame.columns), "regression", container="array"
    )
    again = model_input(frame, signature)
    assert again.dtype == np.float32
    assert (again == array).all()


def test_labels_are_profiled_as_text_and_values_as_floats() -> None:
    labels = Signature((), "classification", classes=(False, True))
    assert profile_outputs(np.array([True, False]), labels)["prediction"].tolist() == ["True", "False"]
    assert profile_outputs(np.array([1, 2]), Signature((), "regression"))["prediction"].dtype == float


def test_a_sample_is_the_same_each_time_and_in_order() -> None:
    rows = sample_rows(1000, 50)
    assert (rows == sample_rows(1000, 50)).all()
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pd.Series([1, None], dtype=object), "integer"),
        (pd.Series([1.5, 2], dtype=object), "number"),
        (pd.Series([True, None], dtype=object), "boolean"),
        (pd.Series(["a", None], dtype="string"), "text"),
        (pd.Series([None, None], dtype=object), "text"),
        (pd.Series([True, None], dtype="boolean"), "boolean"),
        (pd.Series([1, 2], dtype="uint8"), "integer"),
        (pd.Series([1.0], dtype="Float32"), "number"),
    ],
)
def test_the_kind_of_a_column(series: pd.Series, kind: str) -> None:
    assert read_column("x", series).kind == kind


@pytest.mark.parametrize(
    "values", [[1, "a"], [[1], [2]], [b"x"], [1 + 2j], [pd.Period("2026-01")], [pd.Timedelta("1s")]]
)
def test_columns_that_json_cannot_carry_are_refused(values: list[object]) -> None:
    with pytest.raises(NorenError, match=r"Column 'x' holds .* which a JSON request cannot carry"):
        read_column("x", pd.Series(values))
