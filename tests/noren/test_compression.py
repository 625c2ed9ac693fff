"""`--compress` in Python, in a cell and in the shell: the original is tagged, the table shows what variants cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from IPython.core.interactiveshell import InteractiveShell
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

import noren
from noren.cli import main
from noren_bento.compress.result import Compression
from noren_bento.release.version import ModelVersion

X = np.random.default_rng(0).normal(size=(400, 4))
Y = np.where(X[:, 0] > 0, "<yes>", "no")
DATA = {"train": (X[:300], Y[:300]), "test": (X[300:], Y[300:])}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Compression:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOREN_HOME", str(home))
        forest = RandomForestClassifier(20, random_state=0)
        search = GridSearchCV(forest, {"max_depth": [4]}, cv=2).fit(*DATA["train"])
        compression = noren.tag(search, "forest", **DATA, compress=True)
        assert isinstance(compression, Compression)
        small = noren.tag(compression["10 trees"], "forest", **DATA)
    assert str(small) == "forest/2"
    return compression


def test_the_original_is_what_is_tagged_and_a_variant_is_tagged_when_it_is_picked(found: Compression) -> None:
    assert isinstance(found.version, ModelVersion)
    assert str(found.version) == "forest/1"
    assert isinstance(found["10 trees"], RandomForestClassifier)


def test_the_cell_shows_the_table_with_each_variants_making_on_hover(found: Compression) -> None:
    shell = InteractiveShell.instance()
    try:
        shell.run_line_magic("load_ext", "noren")
        html = shell.display_formatter.format(found)[0]["text/html"]
    finally:
        InteractiveShell.clear_instance()
    assert html.count("<tr") == len(found.variants) + 1
    assert 'title="10 of 20 trees: those that help most' in html
    assert "forest/1 compressed, measured on 100 test rows" in html
    assert "<script" not in html


def test_a_magic_and_the_shell_take_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Compression
) -> None:
    asked = {}

    def tag(model: object, name: str, *, compress: bool, **_: object) -> Compression:
        asked[name] = compress
        return found

    monkeypatch.setattr("noren.api.tag", tag)
    shell = InteractiveShell.instance()
    try:
        shell.run_line_magic("load_ext", "noren")
        shell.user_ns |= {"clf": found.model, "train": DATA["train"], "test": DATA["test"]}
        shell.run_line_magic("tag", "clf --name cell --train train --test test --compress")
        shell.run_line_magic("tag", "clf --name plain --train train --test test")
    finally:
        InteractiveShell.clear_instance()
    (tmp_path / "fitted_for_compression.py").write_text("clf, train, test = 1, (2, 3), (4, 5)\n")
    monkeypatch.chdir(tmp_path)
    line = [
        "tag",
        "fitted_for_compression:clf",
        "--name",
        "shell",
        "--train",
        "train",
        "--test",
        "test",
        "--compress",
    ]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("forest/1 compressed")
    assert asked == {"cell": True, "plain": False, "shell": True}
