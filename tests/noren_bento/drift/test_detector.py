import numpy as np
import pytest

from noren_bento.drift.detector import Ring, detect
from noren_bento.profile.build import build_profile
from noren_bento.profile.profile import ColumnProfile, Profile
from noren_bento.profile.window import Layout

NAMES = tuple(f"x{number}" for number in range(19))


def draw(rng, rows, *, shift=0.0, missing=0.0):
    """Rows of 19 numbers and a colour; only x3 is shifted or lost."""
    columns = {name: rng.normal(size=rows) for name in NAMES}
    columns["x3"] = np.where(rng.random(rows) < missing, np.nan, columns["x3"] + shift)
    columns["colour"] = rng.choice(["red", "green"], size=rows).astype(object)
    return columns


def make(rng, reference_rows=10_000):
    columns = draw(rng, reference_rows)
    profile = build_profile(columns, {"prediction": columns["x0"]})
    return profile, Layout(profile)


def push(ring, columns, at):
    vector = ring.layout.count_rows(columns, {"prediction": columns["x0"]})
    vector[1] = len(columns["x0"])
    return ring.push(vector, at)


def rows_until_alarm(rng, *, quiet_blocks, psi_limit, **drift):
    profile, layout = make(rng)
    ring = Ring(layout)
    for block in range(quiet_blocks):
        ring = push(ring, draw(rng, 100), float(block))
    for block in range(60):
        ring = push(ring, draw(rng, 100, **drift), float(quiet_blocks + block))
        report = detect(profile, ring, psi_limit=psi_limit)
        if report.alarms:
            return 100 * (block + 1), report
    raise AssertionError("no alarm")


@pytest.mark.parametrize("quiet_blocks", [0, 70])
def test_a_small_shift_is_seen_after_about_1300_rows_also_when_it_begins_late(quiet_blocks):
    delays = []
    for seed in range(4):
        rows, report = rows_until_alarm(
            np.random.default_rng(seed), quiet_blocks=quiet_blocks, psi_limit=0.03, shift=0.25
        )
        delays.append(rows)
        assert report.alarms == ("x3",)
    assert np.mean(delays) < 2200


def test_the_alarm_says_since_when():
    _, report = rows_until_alarm(np.random.default_rng(5), quiet_blocks=30, psi_limit=0.1, shift=0.6)
    drifted = next(column for column in report.columns if column.alarm)
    assert abs(drifted.since - 30.0) <= 2
    assert drifted.psi > 0.1


def test_half_of_the_values_missing_is_drift():
    rows, report = rows_until_alarm(np.random.default_rng(6), quiet_blocks=5, psi_limit=0.1, missing=0.5)
    drifted = next(column for column in report.columns if column.alarm)
    assert (rows, drifted.name, drifted.reference_missing_share) == (100, "x3", 0.0)
    assert 0.3 < drifted.missing_share < 0.7


def test_a_new_category_is_drift():
    rng = np.random.default_rng(7)
    profile, layout = make(rng)
    columns = draw(rng, 100)
    columns["colour"][:40] = "blue"
    assert detect(profile, push(Ring(layout), columns, 0.0)).alarms == ("colour",)


def test_a_shift_too_small_to_matter_raises_no_alarm_however_sure_it_is():
    rng = np.random.default_rng(8)
    profile, layout = make(rng, 100_000)
    ring = push(Ring(layout), draw(rng, 100_000, shift=0.06), 0.0)
    report = detect(profile, ring)
    assert report.alarms == ()
    shifted = next(column for column in report.columns if column.name == "x3")
    assert shifted.log_evidence > np.log(1e6)
    assert shifted.psi < 0.02


def test_one_odd_column_hides_no_other():
    rng = np.random.default_rng(9)
    profile, _ = make(rng)
    nothing = ColumnProfile("nothing", "numeric")
    lost = build_profile({"lost": np.full(10, np.nan)}, {}).column("lost")
    odd = Profile(profile.rows, (nothing, lost, *profile.columns), profile.outputs)
    columns = draw(rng, 300, shift=1.0) | {"nothing": np.full(300, np.nan), "lost": np.full(300, np.nan)}
    report = detect(odd, push(Ring(Layout(odd)), columns, 0.0))
    assert report.alarms == ("x3",)
    assert len(report.columns) == 22


def test_before_the_first_block_is_full_nothing_is_claimed():
    profile, layout = make(np.random.default_rng(10))
    report = detect(profile, Ring(layout), version="churn/3")
    assert (report.version, report.rows, report.alarms) == ("churn/3", 0, ())
    assert {column.since for column in report.columns} == {None}


def count_false_alarms(runs, blocks, *, reference_rows, seed):
    """Runs with any alarm by evidence alone, looked at after every block."""
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(runs):
        profile, layout = make(rng, reference_rows)
        ring = Ring(layout)
        for block in range(blocks):
            ring = push(ring, draw(rng, 100), float(block))
            if detect(profile, ring, psi_limit=0.0).alarms:
                alarms += 1
                break
    return alarms


def test_without_drift_nothing_is_raised_by_evidence_alone():
    assert count_false_alarms(2, 80, reference_rows=1000, seed=11) == 0


@pytest.mark.soak
@pytest.mark.parametrize("reference_rows", [1000, 10_000])
def test_without_drift_nothing_is_raised_in_100_000_rows(reference_rows):
    assert count_false_alarms(6, 1000, reference_rows=reference_rows, seed=12) == 0


@pytest.mark.soak
def test_the_average_run_length_holds_where_it_is_short_enough_to_be_measured():
    """Asked for one false alarm in 200 blocks, the detector gives fewer."""
    rng = np.random.default_rng(13)
    lengths = []
    for _ in range(60):
        columns = {"x": rng.normal(size=2000)}
        profile = build_profile(columns, {})
        ring = Ring(Layout(profile))
        for block in range(400):
            vector = ring.layout.count_rows({"x": rng.normal(size=100)}, {})
            vector[1] = 100
            ring = ring.push(vector, float(block))
            if detect(profile, ring, psi_limit=0.0, average_run_length=200).alarms:
                break
        lengths.append(block + 1)
    assert np.mean(lengths) >= 200
