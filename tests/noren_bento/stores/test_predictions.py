from __future__ import annotations

import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from noren_bento.errors import NorenError, NotFoundError
from noren_bento.home import Home
from noren_bento.release.version import Column, ModelVersion, Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.batch import Batch
from noren_bento.serving.log import merge
from noren_bento.serving.log.keep import lock_log, merge_old
from noren_bento.serving.log.settings import LogSettings
from noren_bento.serving.log.writer import PredictionLog
from noren_bento.settings import load_settings
from noren_bento.stores.predictions import scan_predictions

DAY = datetime(2031, 5, 17, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    # Neither a pattern nor a partition.
    return Home(load_settings({"home": tmp_path / "a [b]*=c"}, environ={}, folder=Path("/")))


def write(home: Home, number: int, columns: dict[str, Any], *, at: datetime = DAY, **settings: Any) -> None:
    """Let a version log these rows, all in one request."""
    kinds = {"f": "number", "i": "integer", "O": "text", "b": "boolean"}
    known = tuple(
        Column(name, kinds[values.dtype.kind], str(values.dtype))  # type: ignore[arg-type]
        for name, values in columns.items()
    )
    version = ModelVersion("churn", number, "ab", Signature(known, "regression"))
    folder = home.predictions / "churn" / str(number)
    log = PredictionLog(version, LogSettings(folder, **settings), tell=lambda written, dropped: None)
    rows = len(next(iter(columns.values())))
    answers = Answers(np.arange(float(rows)))
    log.keep(Batch(columns, answers, (rows,), (f"{number}-{at:%d%H}".encode(),), (at.timestamp(),)))
    log.close()


def test_the_rows_of_all_versions_come_as_one_lazy_frame(home: Home) -> None:
    write(home, 1, {"age": np.array([41, 42]), "town": np.array(["Rome", None], dtype=object)})
    write(home, 2, {"age": np.array([43]), "member": np.array([True])})
    frame = scan_predictions(home, "churn")
    assert isinstance(frame, pl.LazyFrame)
    rows = frame.sort("version", "row").collect()
    assert rows.select("request_id", "row", "version", "age", "town", "member", "prediction").rows() == [
        ("1-1700", 0, "churn/1", 41, "Rome", None, 0.0),
        ("1-1700", 1, "churn/1", 42, None, None, 1.0),
        ("2-1700", 0, "churn/2", 43, None, True, 0.0),
    ]
    assert rows["time"].unique().to_list() == [DAY]


def test_one_version_can_be_asked_for(home: Home) -> None:
    write(home, 1, {"age": np.array([41])})
    write(home, 2, {"town": np.array(["Rome"], dtype=object)})
    assert scan_predictions(home, "churn/2").collect()["version"].to_list() == ["churn/2"]
    assert "age" not in scan_predictions(home, "churn/2").collect_schema()


def test_a_column_whose_type_has_changed_is_that_which_holds_both(home: Home) -> None:
    write(home, 1, {"age": np.array([41]), "code": np.array([7]), "flag": np.array([True])})
    write(home, 2, {"age": np.array([41.5]), "code": np.array(["x"], dtype=object), "flag": np.array([1.0])})
    write(home, 2, {"age": np.array([5.0])}, at=DAY + timedelta(hours=1), hashed=("age",))
    schema = scan_predictions(home, "churn").collect_schema()
    assert (schema["age"], schema["code"], schema["flag"]) == (pl.String, pl.String, pl.String)
    rows = scan_predictions(home, "churn").sort("version", "time").collect()
    assert rows["age"].to_list()[:2] == ["41", "41.5"]
    assert rows["code"].to_list() == ["7", "x", None]


def test_whole_numbers_and_numbers_together_are_numbers(home: Home) -> None:
    write(home, 1, {"age": np.array([41])})
    write(home, 2, {"age": np.array([41.5])})
    assert scan_predictions(home, "churn").sort("version").collect()["age"].to_list() == [41.0, 41.5]


@pytest.mark.parametrize(
    ("since", "found"),
    [
        (None, 4),
        (DAY + timedelta(days=1), 2),
        (date(2031, 5, 18), 2),
        ("2031-05-18T12:00", 1),
        ("2031-05-18T14:00+02:00", 1),
        (datetime(2031, 5, 18, 12, 0, 1), 0),
    ],
)
def test_rows_since_a_moment_can_be_asked_for(home: Home, since: Any, found: int) -> None:
    for hours in (0, 12, 24, 36):
        write(home, 1, {"age": np.array([hours])}, at=DAY + timedelta(hours=hours))
    assert scan_predictions(home, "churn", since=since).collect().height == found


def test_a_moment_that_is_none_and_names_without_rows_are_said_with_what_there_is(home: Home) -> None:
    write(home, 1, {"age": np.array([1])})
    with pytest.raises(NorenError, match=r"since must be a moment such as .* got 'yesterday'"):
        scan_predictions(home, "churn", since="yesterday")
    with pytest.raises(NotFoundError, match=r"No predictions of prices .* There are predictions of: churn\."):
        scan_predictions(home, "prices")
    with pytest.raises(NotFoundError, match=r"No predictions of churn since 2032-01-01"):
        scan_predictions(home, "churn", since=date(2032, 1, 1))
    with pytest.raises(NorenError, match="not a model name"):
        scan_predictions(home, "..")


def test_without_polars_it_says_what_to_install(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(NorenError, match=r"pip install 'noren\[polars\]'"):
        scan_predictions(home, "churn")


def test_merged_files_are_read_and_a_frame_made_in_the_middle_has_each_row_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours in range(4):
        write(home, 1, {"age": np.array([hours])}, at=DAY + timedelta(hours=hours))
    with monkeypatch.context() as patch:
        patch.setattr(merge, "_finish", lambda day: None)  # killed before it removed what it merged
        merge_old(home.predictions / "churn", now=DAY + timedelta(days=2))
    assert len(list(home.predictions.glob("churn/1/*/*.parquet"))) == 5
    assert sorted(scan_predictions(home, "churn").collect()["age"].to_list()) == [0, 1, 2, 3]
    merge_old(home.predictions / "churn", now=DAY + timedelta(days=2))
    assert len(list(home.predictions.glob("churn/1/*/*.parquet"))) == 1
    assert sorted(scan_predictions(home, "churn").collect()["age"].to_list()) == [0, 1, 2, 3]


def test_files_are_not_listed_while_they_are_being_merged(home: Home) -> None:
    write(home, 1, {"age": np.array([1])})
    done = threading.Event()

    def read() -> None:
        scan_predictions(home, "churn")
        done.set()

    with lock_log(home.predictions / "churn") as mine:
        assert mine
        reader = threading.Thread(target=read)
        reader.start()
        assert not done.wait(0.3)
    reader.join(10)
    assert done.is_set()


def test_a_file_that_is_no_parquet_hides_no_other(home: Home) -> None:
    write(home, 1, {"age": np.array([1])})
    (home.predictions / "churn" / "1" / f"date={DAY:%Y-%m-%d}" / "odd.parquet").write_bytes(b"x")
    assert scan_predictions(home, "churn").collect()["age"].to_list() == [1]
