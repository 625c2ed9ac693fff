from __future__ import annotations

import numpy as np

from noren_bento.compile.probes import UNSEEN, find_closed, probe_rows
from noren_bento.release.version import Column, Signature
from noren_bento.serving.answers import Answers

SIGNATURE = Signature(
    (
        Column("income", "number", "float64", missing=True),
        Column("age", "integer", "int8"),
        Column("town", "text", "str", missing=True),
        Column("size", "text", "category", categories=("S", "M")),
        Column("member", "boolean", "bool"),
        Column("since", "datetime", "datetime64[us]"),
    ),
    "classification",
)
REFERENCE = {
    "income": np.array([10.0, 20.0, np.nan]),
    "age": np.array([20, 30, 40]),
    "town": np.array(["Rome", None, "Oslo"], dtype=object),
    "size": np.array(["S", "M", "S"], dtype=object),
    "member": np.array([True, False, True]),
    "since": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[us]"),
}


def test_probes_hold_zeros_extremes_missing_and_unseen_values() -> None:
    probes = probe_rows(REFERENCE, SIGNATURE)
    assert {0.0, -1e9, 1e9, 120.0, -90.0} <= set(probes["income"].tolist())
    assert np.isnan(probes["income"]).any()
    assert {"", UNSEEN, None} <= set(probes["town"].tolist())
    assert set(probes["member"].tolist()) == {True, False}


def test_probes_stay_within_what_a_request_may_hold() -> None:
    probes = probe_rows(REFERENCE, SIGNATURE)
    assert probes["age"].dtype == np.int64
    assert probes["age"].min() == -128
    assert probes["age"].max() == 127
    assert set(probes["size"].tolist()) <= {"S", "M"}


def test_a_closed_column_is_not_given_unseen_values() -> None:
    probes = probe_rows(REFERENCE, SIGNATURE, closed=frozenset(["town"]))
    assert UNSEEN not in probes["town"].tolist()


def test_a_column_is_closed_where_the_model_raises_on_a_new_value() -> None:
    def original(columns: dict[str, np.ndarray]) -> Answers:
        if set(columns["town"].tolist()) - {"Rome", "Oslo"}:
            raise ValueError("unknown town")
        return Answers(np.zeros(len(columns["town"])))

    reference = REFERENCE | {"town": np.array(["Rome", "Oslo", "Rome"], dtype=object)}
    known = {"town": ("Bonn", "Oslo", "Rome"), "size": ("S",)}
    assert find_closed(original, reference, SIGNATURE, known) == {"town": ("Oslo", "Rome")}
