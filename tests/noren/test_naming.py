"""Texts stand for models, versions and data in the same way in magics and in the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from noren.naming import imported, model_of, pair_of
from noren_bento.errors import NorenError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two modules, as the working folder of a shell."""
    (tmp_path / "naming_train.py").write_text("model = 'fitted'\nX_train, y_train = [[1.0]], [1]\n")
    (tmp_path / "naming_data.py").write_text("pair = ([[2.0]], [2])\nthree = 1, 2, 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])


def pair_in_shell(text: str) -> tuple[object, object]:
    return pair_of(text, lambda name: imported(name, beside="naming_train:model"))


def test_a_version_is_a_name_and_a_number() -> None:
    texts = ("churn/3", "churn", "churn@3", "a/b/3", "churn/x", "train:model", "/3")
    assert [model_of(text) for text in texts] == ["churn", "", "", "", "", "", ""]


def test_data_is_looked_up_in_the_models_module_or_in_its_own() -> None:
    assert imported("naming_train:model") == "fitted"
    assert pair_in_shell("X_train,y_train") == ([[1.0]], [1])
    assert pair_in_shell("naming_data:pair") == ([[2.0]], [2])
    assert pair_in_shell("naming_train:X_train, naming_train:y_train") == ([[1.0]], [1])


@pytest.mark.parametrize("text", ["X_train", "naming_data:three", "X_train,y_train,X_train"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(NorenError, match="is not data: give two names"):
        pair_in_shell(text)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("model", "neither a version, such as churn/3, nor MODULE:NAME"),
        ("nowhere:model", "nowhere:model cannot be imported: No module named 'nowhere'"),
        ("naming_train:modle", "naming_train:modle cannot be imported: .* no attribute 'modle'"),
    ],
)
def test_what_cannot_be_imported_is_named(target: str, says: str) -> None:
    with pytest.raises(NorenError, match=says):
        imported(target)
