"""Answers as pyarrow and polars read them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from noren_bento.serving.answers import Answers
from noren_bento.serving.arrow.answer import write_answers


def read(answers: Answers) -> Any:
    content = write_answers(answers, model="churn/1", request_id="abc")
    polars = pl.read_ipc_stream(io.BytesIO(content))
    table = pa.ipc.open_stream(content).read_all()
    table.validate(full=True)
    assert table.schema.metadata == {b"model": b"churn/1", b"request_id": b"abc"}
    assert polars.height == table.num_rows
    return table


@pytest.mark.parametrize(
    ("predictions", "kind"),
    [
        (np.array([1, 0, 1]), pa.int64()),
        (np.array([1, 0], dtype=np.int8), pa.int64()),
        (np.array([1.5, -2.5]), pa.float64()),
        (np.array([1.5], dtype=np.float32), pa.float64()),
        (np.array([True, False] * 9), pa.bool_()),
        (np.array(["yes", "nö"]), pa.string()),
        (np.array(["yes", "nö"], dtype=object), pa.string()),
    ],
)
def test_predictions_are_what_arrow_calls_them(predictions: Any, kind: Any) -> None:
    table = read(Answers(predictions))
    assert table.schema.field("predictions").type == kind
    assert table["predictions"].to_pylist() == predictions.tolist()


def test_probabilities_and_several_targets_are_lists_of_fixed_size() -> None:
    random = np.random.default_rng(0)
    predictions = random.integers(0, 9, (257, 3))
    probabilities = np.asfortranarray(random.random((257, 2)))
    table = read(Answers(predictions, probabilities))
    assert table["predictions"].to_pylist() == predictions.tolist()
    assert table["probabilities"].to_pylist() == probabilities.tolist()
    assert table.schema.field("probabilities").type.list_size == 2


@pytest.mark.parametrize("scores", [np.array([-0.5, 2.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])])
def test_scores_are_a_column(scores: np.ndarray) -> None:
    table = read(Answers(np.array([0, 1]), scores=scores))
    assert table.column_names == ["predictions", "scores"]
    assert table["scores"].to_pylist() == scores.tolist()


def test_several_targets_of_text_are_read_too() -> None:
    predictions = np.array([["a", "bb"], ["ccc", ""]], dtype=object)
    assert read(Answers(predictions))["predictions"].to_pylist() == predictions.tolist()
