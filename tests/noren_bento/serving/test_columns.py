from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noren_bento.errors import NorenError
from noren_bento.release.version import Signature
from noren_bento.serving.columns import columns_of_frame, frame_of_columns
from noren_bento.serving.rows import rows_of_columns
from noren_bento.serving.schema import Schema
from noren_bento.tagging.signature import read_column

FRAME = pd.DataFrame(
    {
        "float": [1.5, np.nan, 3.0],
        "narrow": np.array([1, 2, 3], dtype="int16"),
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": [True, False, True],
        "text": ["a", None, "c"],
        "object": pd.Series(["a", np.nan, "c"], dtype=object),
        "category": pd.Categorical(["S", None, "M"], categories=["S", "M", "L"]),
        "floor": pd.Categorical([1, 2, 1], categories=[1, 2]),
        "when": pd.to_datetime(["2020-01-01T00:00:00", None, "2022-01-01T05:06:07"]),
        "zoned": pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]).tz_localize("Europe/Rome"),
    }
)
SIGNATURE = Signature(tuple(read_column(name, FRAME[name]) for name in FRAME), "regression")


def test_a_frame_comes_back_as_it_was() -> None:
    pd.testing.assert_frame_equal(frame_of_columns(columns_of_frame(FRAME, SIGNATURE), SIGNATURE), FRAME)


def test_a_frame_comes_back_from_a_request_as_it_was() -> None:
    rows = rows_of_columns(columns_of_frame(FRAME, SIGNATURE), SIGNATURE)
    columns = Schema(SIGNATURE).decode(json.dumps({"rows": rows}).encode())
    pd.testing.assert_frame_equal(frame_of_columns(columns, SIGNATURE), FRAME)


def test_columns_are_taken_by_name_in_any_order() -> None:
    shuffled: Any = FRAME[FRAME.columns[::-1]]
    assert list(columns_of_frame(shuffled, SIGNATURE)) == list(FRAME.columns)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(NorenError, match="no column 'text'"):
        columns_of_frame(FRAME.drop(columns="text"), SIGNATURE)
