"""A version shows itself: compact in a cell and in a terminal, whole as Markdown; from the real store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from IPython.core.interactiveshell import InteractiveShell

import noren
from noren import version_card
from noren.cards import register_cards
from noren.cli import main
from noren_bento.errors import UnreachableError
from noren_bento.release.version import ModelVersion
from noren_bento.settings import load_settings
from noren_bento.stores.models import ModelStore
from tests.noren_bento.tagging.card.test_card import PLAIN, Elements, facts_named
from tests.noren_bento.tagging.facts import HOSTILE, SLOW, facts_of

FOLDER = Path("/home/ana/.noren/artifacts/1/version")
VERSION = facts_of().version


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    register_cards(shell)
    yield shell
    InteractiveShell.clear_instance()


def shown(shell: InteractiveShell, value: object) -> dict[str, str]:
    data, _ = shell.display_formatter.format(value)  # type: ignore[union-attr]
    return data


def test_the_cell_and_the_terminal_say_the_same_in_short(shell: InteractiveShell, monkeypatch) -> None:
    facts = facts_of(cost=SLOW)
    monkeypatch.setattr(version_card, "_read", lambda version: (facts, FOLDER))
    data = shown(shell, VERSION)
    html, text = Elements(data["text/html"]).text, data["text/plain"]
    for words in (
        "churn/3",
        "StandardScaler → LogisticRegression",
        "0.9123",
        "0.88 to 0.94",
        "1,200 training rows, 400 test rows",
        "ccccccccc on main with changes · churn.ipynb, 12 executions",
        "1.234 ms for one row, 718 kB as skops",
        'noren.card("churn/3")',
        str(FOLDER / "card.html"),
        "%deploy churn/3",
    ):
        assert words in html, words
        assert words in text, words
    assert html.count("Use fewer trees.") == 2  # said at once, and among the limits
    assert "member" in html
    assert re.search(r"2\d(\.\d)? % true", html)


def test_the_card_is_static_and_safe_in_any_front_end() -> None:
    html = version_card.facts_html(facts_named(HOSTILE), FOLDER)
    assert Elements(html).found == Elements(version_card.facts_html(facts_named(PLAIN), FOLDER)).found
    assert len(html) < 40_000


def test_in_a_list_a_version_is_one_word(shell: InteractiveShell) -> None:
    assert shown(shell, [VERSION])["text/plain"] == "[churn/3]"


def test_where_the_store_does_not_answer_the_version_still_shows_itself(
    shell: InteractiveShell, monkeypatch
) -> None:
    def fail(version: ModelVersion) -> None:
        raise UnreachableError("MLflow at <b> does not answer.")

    monkeypatch.setattr(version_card, "_read", fail)
    data = shown(shell, VERSION)
    assert "churn/3" in data["text/html"]
    assert "MLflow at &lt;b&gt; does not answer." in data["text/html"]
    assert data["text/plain"] == "churn/3 tagged, classification, digest dddddddddddd"


def test_a_model_of_many_columns_keeps_the_cell_short() -> None:
    facts = facts_of()
    columns = tuple(replace(facts.version.signature.columns[0], name=f"c{place}") for place in range(300))
    profile = replace(
        facts.profile, columns=tuple(replace(facts.profile.columns[0], name=one.name) for one in columns)
    )
    version = replace(facts.version, signature=replace(facts.version.signature, columns=columns))
    html = version_card.facts_html(replace(facts, version=version, profile=profile), FOLDER)
    assert "300 inputs" in html
    assert "and 160 more in the whole card" in html
    assert len(html) < 60_000


CELLS = (
    "%load_ext noren",
    "from sklearn.datasets import load_iris\nfrom sklearn.linear_model import LogisticRegression",
    "X, y = load_iris(return_X_y=True, as_frame=True)\nmodel = LogisticRegression(C=0.5, max_iter=500).fit(X, y)",
    "version = get_ipython().run_line_magic('tag', 'model --name card --train X,y --test X,y')",
)


@pytest.mark.slow
def test_a_tagged_version_has_its_card_its_cells_and_its_markdown(
    shell: InteractiveShell, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("NOREN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JPY_SESSION_NAME", "iris.ipynb")
    shell.history_manager.reset(new_session=True)
    for cell in CELLS:
        shell.run_cell(cell, store_history=True).raise_error()
    version = shell.user_ns["version"]
    data = shown(shell, version)
    assert "card/1" in data["text/html"]
    assert "iris.ipynb, 4 executions" in data["text/html"]
    files = ModelStore(load_settings()).files(version)
    assert files.cells().count("# %% In ") == 4
    assert files.description().changed == {"C": "0.5", "max_iter": "500"}
    assert {"card.md", "card.html"} <= set(files.manifest.files)
    card = noren.card("card/1")
    assert card.version == version
    assert card.path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert shown(shell, card)["text/markdown"] == card.markdown
    assert CliRunner().invoke(main, ["card", "card/1"]).output.strip() == card.markdown.strip()
