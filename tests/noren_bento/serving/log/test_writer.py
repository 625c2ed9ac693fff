from __future__ import annotations

import logging
import threading
from pathlib import Path

import polars as pl
import pytest

from noren_bento.serving.log import part, writer
from noren_bento.serving.log.settings import LogSettings, read_salt
from noren_bento.serving.log.writer import choose_requests
from tests.noren_bento.serving.log.batches import DAY, NOON, batch, logged, open_log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "predictions" / "churn" / "3"


@pytest.fixture(autouse=True)
def no_flush_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 3600.0)


def test_each_flush_adds_its_rows_to_one_file_of_the_day(folder: Path) -> None:
    log, told = open_log(LogSettings(folder))
    for number in range(5):
        log.keep(batch(number, at=NOON + number))
        log.flush()
        assert logged(folder) == list(range(number + 1))
    assert len(list(folder.glob("*/*"))) == 1
    assert (told.written, told.dropped) == (5, 0)
    log.close()


def test_a_flush_without_rows_writes_nothing(folder: Path) -> None:
    log, told = open_log(LogSettings(folder))
    log.flush()
    assert not folder.exists()
    assert (told.written, told.dropped) == (0, 0)
    log.close()


def test_rows_lie_under_the_day_in_which_they_were_answered(folder: Path) -> None:
    log, _ = open_log(LogSettings(folder))
    log.keep(batch(1, at=NOON))
    log.keep(batch(2, 3, at=NOON + 86_400))
    log.flush()
    assert {path.parent.name: pl.read_parquet(path).height for path in folder.glob("*/*")} == {
        DAY: 1,
        "date=2023-11-16": 2,
    }
    log.close()


def test_a_part_that_is_full_is_followed_by_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "PART_BYTES", 2000)
    log, _ = open_log(LogSettings(folder))
    for number in range(60):
        log.keep(batch(number))
        log.flush()
    assert logged(folder) == list(range(60))
    assert 2 <= len(list(folder.glob("*/*"))) <= 10
    log.close()


def test_a_closed_log_has_the_last_rows(folder: Path) -> None:
    log, told = open_log(LogSettings(folder))
    log.keep(batch(1, 2))
    log.close()
    assert logged(folder) == [1, 2]
    assert told.written == 2


def test_a_disk_that_takes_nothing_costs_rows_that_are_counted_and_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log, told = open_log(LogSettings(folder))
    log.keep(batch(1))
    log.flush()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(part, "write_file", full)
        for number in (2, 3):
            log.keep(batch(number, rows=4))
            log.flush()
        assert (told.written, told.dropped) == (1, 8)
        assert [record.message for record in caplog.records] == [
            "prediction log: rows are dropped: OSError: [Errno 28] No space left on device"
        ]
    log.keep(batch(4))
    log.flush()
    assert logged(folder) == [1, 4]
    assert (told.written, told.dropped) == (2, 8)
    log.close()


def test_a_disk_that_does_not_answer_holds_up_nobody_and_rows_beyond_the_queue_are_dropped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = threading.Event(), threading.Event()
    real = part.write_file

    def hang(path: Path, data: bytes) -> None:
        asked.set()
        assert answers.wait(60)
        real(path, data)

    monkeypatch.setattr(part, "write_file", hang)
    monkeypatch.setattr(writer, "MAX_CELLS", 500)
    log, told = open_log(LogSettings(folder))
    log.keep(batch(0))
    flushing = threading.Thread(target=log.flush)
    flushing.start()
    assert asked.wait(60)
    for number in range(1, 301):
        log.keep(batch(number))
    answers.set()
    flushing.join()
    log.flush()
    assert told.written == len(logged(folder))
    assert 50 < told.written < 200
    assert told.written + told.dropped == 301
    log.close()


def test_rows_that_cannot_be_encoded_do_not_end_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, told = open_log(LogSettings(folder))
    odd = batch(1)
    log.keep(type(odd)({}, odd.answers, odd.sizes, odd.request_ids, odd.at))
    log.keep(batch(2))
    log.flush()
    log.keep(batch(3))
    log.flush()
    assert logged(folder) == [3]
    assert (told.written, told.dropped) == (1, 2)
    assert "KeyError" in caplog.text
    log.close()


def test_a_share_is_a_question_of_the_id_so_all_workers_agree(folder: Path) -> None:
    ids = tuple(f"{number:x}".encode() for number in range(4000))
    tenth, half = choose_requests(ids, 0.1), choose_requests(ids, 0.5)
    assert 340 < tenth.sum() < 460
    assert 1880 < half.sum() < 2120
    assert not (tenth & ~half).any()
    assert choose_requests(ids, 1.0).all()
    assert not choose_requests(ids, 0.0).any()
    log, told = open_log(LogSettings(folder, share=0.5))
    log.keep(batch(*range(200)))
    log.flush()
    expected = choose_requests(tuple(str(number).encode() for number in range(200)), 0.5)
    assert logged(folder) == [number for number in range(200) if expected[number]]
    assert (told.written, told.dropped) == (expected.sum(), 0)
    log.close()


def test_the_salt_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    salts = {read_salt(tmp_path / "predictions") for _ in range(3)}
    assert len(salts) == 1
    assert len(salts.pop()) == 32
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == [".salt"]
    assert (tmp_path / "predictions" / ".salt").stat().st_mode & 0o777 == 0o600


def test_without_its_salt_nothing_is_stored_in_clear(folder: Path) -> None:
    folder.parents[1].mkdir(parents=True)
    (folder.parents[1] / ".salt").mkdir()  # it can be read by nobody
    log, told = open_log(LogSettings(folder, hashed=("a",)))
    log.keep(batch(1))
    log.flush()
    assert not folder.exists()
    assert (told.written, told.dropped) == (0, 1)
    log.close()
