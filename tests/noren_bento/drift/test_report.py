import math

import pandas as pd

from noren_bento.drift.report import ColumnDrift, DriftReport

QUIET = ColumnDrift("age", 0.01, -3.0, False, None, 0.0, 0.0)
DRIFTED = ColumnDrift("area", 0.31, 20.0, True, 1_767_225_600.0, 0.2, 0.1)
OUTPUT = ColumnDrift("prediction", 0.02, 1.0, False, 1_767_225_600.5, 0.0, 0.0)


def test_the_table_has_the_worst_on_top_and_says_what_is_input_and_output():
    frame = DriftReport("churn/3", 500, (QUIET, DRIFTED), (OUTPUT,)).to_frame()
    assert frame["name"].tolist() == ["area", "prediction", "age"]
    assert frame["role"].tolist() == ["input", "output", "input"]
    assert frame["since"].iloc[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert math.isclose(frame["psi"].iloc[0], 0.31)
    assert pd.isna(frame["since"].iloc[2])


def test_a_report_without_columns_is_an_empty_table_with_all_headings():
    frame = DriftReport("churn/3", 0, (), ()).to_frame()
    assert frame.empty
    assert {"name", "psi", "log_evidence", "alarm", "since"} <= set(frame.columns)


def test_alarms_name_inputs_and_outputs():
    report = DriftReport("churn/3", 500, (QUIET, DRIFTED), (DRIFTED,))
    assert report.alarms == ("area", "area")


def test_printed_it_is_a_table_with_the_worst_on_top_and_the_whole_in_one_sentence():
    lines = repr(DriftReport("churn/3", 500, (QUIET, DRIFTED), (OUTPUT,))).splitlines()
    assert lines[0] == "area        PSI  0.31  evidence over 1,000,000 to 1  drifts"
    assert [line.split()[0] for line in lines[1:3]] == ["prediction", "age"]
    assert lines[3] == "churn/3: 1 of 3 columns drift, over 500 rows"


def test_without_rows_nothing_is_said_of_any_column():
    assert (
        repr(DriftReport("churn/3", 0, (QUIET,), ())) == "churn/3: no rows yet, so nothing is known of drift"
    )
