import numpy as np
import pandas as pd
import pytest

from noren_bento.profile.build import build_profile
from noren_bento.release.version import Column, Signature
from noren_validation.quality import compare_columns, share_repeated, share_seen, usable_labels


def test_a_moved_a_missing_and_a_new_column_are_told_apart():
    random = np.random.default_rng(0)
    same, moved = random.normal(size=1000), random.normal(size=1000)
    colour = random.choice(["red", "green"], 1000).astype(object)
    profile = build_profile({"same": same, "moved": moved, "hole": same, "colour": colour}, {})
    hole, odd = random.normal(size=400), random.choice(["red", "blue"], 400).astype(object)
    hole[:200] = np.nan
    test = {"same": random.normal(size=400), "moved": random.normal(1, 1, 400), "hole": hole, "colour": odd}
    shifts = {one.name: one for one in compare_columns(profile, test)}
    assert shifts["same"].psi < 0.05
    assert shifts["moved"].psi > 0.3
    assert shifts["hole"].missing_rise == pytest.approx(0.5)
    assert shifts["colour"].new_share == pytest.approx(np.mean(odd == "blue"))


def test_rows_count_as_seen_only_with_their_target():
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": pd.Categorical(["x", "y", None])})
    y = pd.Series([0, 1, 1])
    assert share_seen(frame, y, frame_seen=frame.iloc[::-1], y_seen=y.iloc[::-1]) == 1.0
    assert share_seen(frame, y, frame_seen=frame, y_seen=1 - y) == 0.0
    assert share_repeated(pd.concat([frame, frame.iloc[:1]]), pd.concat([y, y.iloc[:1]])) == 0.5


def test_targets_that_are_missing_or_unknown_cannot_be_scored():
    columns = (Column("a", "number", "float64"),)
    labels = usable_labels(
        Signature(columns, "classification", classes=("a", "b")), pd.Series(["a", None, "c"])
    )
    values = usable_labels(Signature(columns, "regression"), pd.Series([1.0, np.nan, np.inf]))
    assert labels.tolist() == [True, False, False]
    assert values.tolist() == [True, False, False]
