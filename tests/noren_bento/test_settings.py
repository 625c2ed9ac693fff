from __future__ import annotations

from pathlib import Path

import pytest

from noren_bento.errors import NorenError
from noren_bento.settings import Settings, load_settings


def load(folder: Path, environ: dict[str, str]) -> Settings:
    return load_settings({"home": folder}, environ=environ, folder=folder)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("email", ("email",)),
        ("email, churn/phone ,", ("email", "churn/phone")),
        ('["a, b", "c"]', ("a, b", "c")),
        ("", ()),
    ],
)
def test_columns_are_named_between_commas_or_in_json(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    assert load(tmp_path, {"NOREN_LOG_DROP": text}).log_drop == names


def test_columns_are_a_list_in_toml(tmp_path: Path) -> None:
    (tmp_path / "noren.toml").write_text('log_hash = ["a, b", "c"]\nlog_share = 0.5')
    settings = load(tmp_path, {})
    assert (settings.log_hash, settings.log_share) == (("a, b", "c"), 0.5)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("NOREN_LOG_DROP", "[1]", "a list of column names"),
        ("NOREN_LOG_DROP", "[email]", "a list of column names"),
        ("NOREN_LOG_SHARE", "1.5", "between 0 and 1"),
        ("NOREN_LOG_SHARE", "nan", "between 0 and 1"),
        ("NOREN_LOG_MAX_DAYS", "-1", "between 0 and 36500"),
        ("NOREN_LOG_MAX_BYTES", "1GB", "must be int"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_source(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    with pytest.raises(NorenError, match=f"^{name}: .*{words}"):
        load(tmp_path, {name: value})
