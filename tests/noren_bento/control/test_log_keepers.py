from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from noren_bento.control.log_keepers import LogKeepers
from noren_bento.home import Home
from noren_bento.serving.log.keep import list_files
from noren_bento.serving.log.parquet import write_table
from noren_bento.serving.log.part import write_file
from noren_bento.serving.log.table import Table
from noren_bento.settings import load_settings
from tests.noren_bento.serving.log.batches import VERSION, batch
from tests.noren_bento.targets.waiting import until


def write(home: Home, model: str, days_ago: int, number: int = 0) -> Path:
    """A logged row of a model that does not serve."""
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    table = Table(f"{model}/3", VERSION.signature)
    path = home.predictions / model / "3" / f"date={moment.date()}" / f"{number:05d}-1.parquet"
    write_file(path, write_table(table.fields, table.encode(batch(number, at=moment.timestamp()))))
    return path


def test_the_logs_of_models_that_serve_no_more_are_kept_within_their_limits(tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path, "log_max_days": 3}, environ={}, folder=Path("/"))
    home = Home(settings)
    LogKeepers(home).keep()  # where nothing was ever logged
    old, new = write(home, "churn", 5), write(home, "churn", 0)
    # Not yesterday, which is over only when ten minutes of today are.
    days = [write(home, "prices", 2, number) for number in range(3)]
    keepers = LogKeepers(home)
    keepers.keep()
    assert not old.exists()
    assert new.exists()
    # Another process merges what lies in days that are over.
    until(lambda: len(list_files(home.predictions / "prices")) == 1)
    assert not any(path.exists() for path in days)
    keepers.close()
