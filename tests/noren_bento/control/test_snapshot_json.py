"""A snapshot survives the way to JSON and back, and what leaves is strict JSON."""

import json
import math
from dataclasses import replace

import pytest

from noren_bento.control.snapshot import ArmView, ColumnView, EventView, Snapshot, StageView
from noren_bento.control.snapshot_json import snapshot_from_json, snapshot_to_json
from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome, Verdict

SNAPSHOT = Snapshot(
    release="churn@3",
    name="churn",
    state="canary",
    now=1_790_000_240.0,
    opened_at=1_790_000_000.0,
    candidate="churn/3",
    champion="churn/2",
    url="http://127.0.0.1:8620/churn/predict",
    step=1,
    steps=2,
    weight=10,
    step_seconds=120.0,
    stages=(StageView("tag", "done", 0.8), StageView("build", "running", None, "ONNX, 41× faster")),
    arms=(ArmView("churn/2", 90, 3410, 4, error_rate=0.0012, error_series=(None, 0.0, 0.1), ready=True),),
    verdicts=(Verdict("errors", Outcome.UNSURE, value=0.1, log_evidence=1.5, more_requests=240),),
    drift=(ColumnView("mean area", 0.31, 8.2, True, since=1_789_999_000.0),),
    drift_rows=3410,
    actions=("promote", "roll back"),
    events=(EventView(1_790_000_100.0, "noren", "stepped", "to 10 %"),),
)


def test_a_snapshot_is_the_same_after_json_and_back() -> None:
    text = json.dumps(snapshot_to_json(SNAPSHOT), allow_nan=False)
    assert snapshot_from_json(json.loads(text)) == SNAPSHOT


def test_numbers_that_json_does_not_have_become_null_where_a_field_may_be_unknown() -> None:
    arm = ArmView("churn/3", 10, error_rate=math.nan, p95_series=(math.inf, 4.1))
    arms = snapshot_to_json(replace(SNAPSHOT, arms=(arm,)))["arms"]
    assert (arms[0]["error_rate"], arms[0]["p95_series"]) == (None, [None, 4.1])


def test_an_infinite_number_in_a_field_that_must_be_known_is_refused_by_name() -> None:
    column = ColumnView("mean area", math.nan, 1.0, alarm=False)
    with pytest.raises(NorenError, match=r"drift\[0\]\.psi"):
        snapshot_to_json(replace(SNAPSHOT, drift=(column,)))


def test_what_is_no_snapshot_is_refused_with_the_next_step() -> None:
    with pytest.raises(NorenError, match="noren up"):
        snapshot_from_json({"release": "churn@3"})


def test_fields_of_a_newer_noren_are_left_out() -> None:
    value = snapshot_to_json(SNAPSHOT) | {"moon": "full"}
    assert snapshot_from_json(value) == SNAPSHOT
