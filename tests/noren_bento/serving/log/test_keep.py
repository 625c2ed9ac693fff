from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noren_bento.serving.log import merge
from noren_bento.serving.log.keep import days_over, list_files, lock_log, merge_old, sweep
from noren_bento.serving.log.merge import has_parts, merge_day, visible_files
from noren_bento.serving.log.parquet import write_table
from noren_bento.serving.log.part import write_file
from noren_bento.serving.log.table import Table
from tests.noren_bento.serving.log.batches import DAY, NOON, VERSION, batch, logged

NOW = datetime.fromtimestamp(NOON, UTC) + timedelta(days=1)
TABLE = Table("churn/3", VERSION.signature)


def write(
    folder: Path, number: int, *, day: str = DAY, version: str = "3", drop: tuple[str, ...] = ()
) -> Path:
    table = Table("churn/3", VERSION.signature, drop=drop)
    path = folder / version / day / f"{number:05d}-1.parquet"
    write_file(path, write_table(table.fields, table.encode(batch(number))))
    return path


def test_days_beyond_the_limit_are_removed(tmp_path: Path) -> None:
    old = [write(tmp_path, 1, day=f"date=2023-10-{day}") for day in (15, 16)]
    new = [write(tmp_path, 2, day="date=2023-10-17", version="2"), write(tmp_path, 3)]
    sweep(tmp_path, 10**9, 30, now=NOW)
    assert not any(path.parent.exists() for path in old)
    assert all(path.exists() for path in new)


def test_the_oldest_files_of_all_versions_are_removed_beyond_the_size(tmp_path: Path) -> None:
    paths = [write(tmp_path, number, version=str(2 + number % 2)) for number in range(10)]
    size = paths[0].stat().st_size
    sweep(tmp_path, 4 * size, 30, now=NOW)
    assert [path.exists() for path in paths] == [False] * 6 + [True] * 4
    sweep(tmp_path, 4 * size, 30, now=NOW)
    assert len(list_files(tmp_path)) == 4


def test_what_a_killed_worker_left_half_written_is_removed_later(tmp_path: Path) -> None:
    write(tmp_path, 1)
    hidden = [tmp_path / "3" / DAY / f".{number}.parquet.new" for number in (1, 2)]
    for path in hidden:
        path.write_bytes(b"PAR1")
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    os.utime(hidden[0], (NOW.timestamp() - 4000,) * 2)
    sweep(tmp_path, 10**9, 30, now=NOW)
    assert [path.exists() for path in hidden] == [False, True]


def test_only_one_process_sweeps_at_a_time(tmp_path: Path) -> None:
    with lock_log(tmp_path) as first, lock_log(tmp_path) as second:
        assert (first, second) == (True, False)
    with lock_log(tmp_path) as again:
        assert again


def test_a_day_is_over_when_nobody_writes_into_it_any_more(tmp_path: Path) -> None:
    write(tmp_path, 1)
    midnight = datetime(2023, 11, 16, tzinfo=UTC)
    assert days_over(tmp_path, midnight + timedelta(minutes=5)) == []
    assert days_over(tmp_path, midnight + timedelta(minutes=15)) == [tmp_path / "3" / DAY]


def test_the_small_files_of_a_day_become_one_compressed_file(tmp_path: Path) -> None:
    paths = [write(tmp_path, number) for number in range(50)]
    size = sum(path.stat().st_size for path in paths)
    assert has_parts(tmp_path / "3" / DAY)
    merge_old(tmp_path, now=NOW)
    (merged,) = (tmp_path / "3" / DAY).glob("*")
    assert merged.name == "00000-1-merged.parquet"
    assert merged.stat().st_size < size / 10
    assert logged(tmp_path / "3") == list(range(50))
    assert not has_parts(tmp_path / "3" / DAY)


def test_the_keeper_is_a_process_that_can_be_started_by_itself(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, number)
    command = [sys.executable, "-m", "noren_bento.serving.log.keep", str(tmp_path)]
    subprocess.run(command, check=True)
    assert len(list((tmp_path / "3" / DAY).glob("*"))) == 1
    assert logged(tmp_path / "3") == [0, 1, 2]


def test_merged_files_stay_below_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MERGED_BYTES", 500)
    for number in range(50):
        write(tmp_path, number)
    merge_old(tmp_path, now=NOW)
    assert 2 < len(list((tmp_path / "3" / DAY).glob("*"))) < 20
    assert logged(tmp_path / "3") == list(range(50))


def test_files_of_other_columns_and_files_that_are_not_ours_are_not_mixed_in(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path, number, drop=("a",) if number in (2, 3) else ())
    foreign = tmp_path / "3" / DAY / "00003-5.parquet"
    foreign.write_bytes(b"something else")
    merge_old(tmp_path, now=NOW)
    assert foreign.read_bytes() == b"something else"
    foreign.unlink()
    assert len(list((tmp_path / "3" / DAY).glob("*"))) == 3
    assert logged(tmp_path / "3") == list(range(6))


KILL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.faults.log_process import die_at
from noren_bento.serving.log.merge import merge_day
die_at(int(sys.argv[2]))
merge_day(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("step", range(1, 12))
def test_a_merge_that_is_killed_at_any_step_loses_no_row_and_shows_none_twice(
    tmp_path: Path, step: int
) -> None:
    day = tmp_path / "3" / DAY
    for number in range(4):
        write(tmp_path, number)
    arguments = [str(day), str(step), str(Path(__file__).parents[4])]
    done = subprocess.run([sys.executable, "-c", KILL, *arguments], check=False)
    assert done.returncode in (-9, 0)
    seen = tmp_path / "seen" / DAY
    seen.mkdir(parents=True)
    for path in visible_files(day):
        (seen / path.name).hardlink_to(path)
    assert logged(tmp_path / "seen") == list(range(4))
    merge_day(day)
    assert logged(tmp_path / "3") == list(range(4))
    assert [path.name for path in day.glob("*.parquet")] == ["00000-1-merged.parquet"]
