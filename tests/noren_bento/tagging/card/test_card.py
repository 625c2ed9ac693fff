"""The model card says what a version's files hold, and shows whatever names there are without obeying them."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import mistune
import numpy as np
import pytest

from noren_bento.profile.build import build_profile
from noren_bento.profile.profile import ColumnProfile
from noren_bento.release.version import ModelVersion
from noren_bento.tagging.card.card import CardFacts, lead_of, make_card
from noren_bento.tagging.card.columns import shape_of
from noren_bento.tagging.card.html import card_to_html
from noren_bento.tagging.card.limits import limits_of
from noren_bento.tagging.card.markdown import card_to_markdown
from noren_bento.tagging.card.metrics import headlines
from noren_bento.tagging.description import Description
from tests.noren_bento.tagging.facts import COLUMNS, HOSTILE, LINEAGE, SLOW, facts_of


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, *(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


PLAIN = ("first", "second", "third", "fourth", "fifth")


def facts_named(names: tuple[str, ...]) -> CardFacts:
    """Facts with these names in every place where a user's text may stand."""
    columns = tuple(replace(column, name=name) for column, name in zip(COLUMNS, names, strict=True))
    columns = tuple(replace(one, categories=names[:2]) if one.categories else one for one in columns)
    facts = facts_of(columns=columns, labels=names[:2])
    commit = replace(LINEAGE.commit, branch=names[1], remote=names[3])  # type: ignore[type-var]
    lineage = replace(LINEAGE, who=names[0], notebook=names[2], commit=commit)
    description = Description(names[0], names[1:3], {names[3]: names[4]}, {})
    metrics = {name.replace("no", names[0]): value for name, value in facts.metrics.items()}
    return replace(
        facts,
        lineage=lineage,
        description=description,
        metrics=metrics,
        cost=replace(SLOW, advice=(names[0],)),
    )


def test_a_card_says_what_the_files_hold_in_both_ways_of_writing() -> None:
    card = make_card(facts_of())
    page, markdown = Elements(card_to_html(card)).text, card_to_markdown(card).replace("\\", "")
    for words in (
        "churn/3",
        "Classification into 2 classes from 5 inputs: StandardScaler → LogisticRegression",
        "runs no code of the file; 718 kB",
        "0.9123",
        "0.88 to 0.94",
        "On 400 test rows",
        "0.8 (0.44 to 0.97)",
        "1,200 rows × 1 columns, digest aaaaaaaaaaaaaaaa",
        "low 5",
        "2026-01-01 00:00 UTC to 2026-07-19 00:00 UTC",
        "2026-09-21 14:13 UTC by ana (so says the operating system; not proven)",
        "churn.ipynb, after 12 executions (cells.py)",
        "cccccccccccc on main of https://example.com/churn.git, with changes that are in no commit (dirty.diff)",
        "A processor, 4 cores, 8.0 GB; Debian 12",
        "scikit-learn 1.9.1",
        "rows per second, in bulk",
        "123,456",
        "at least 1000",
        "at most 500 MB",
        "1.234 ms",
        "/churn/predict",
        "%deploy churn/3",
    ):
        assert words in page, words
        assert words in markdown, words


def test_before_it_has_a_number_the_card_goes_by_the_name() -> None:
    facts = facts_of()
    version = ModelVersion("churn", 0, facts.version.digest, facts.version.signature)
    assert make_card(replace(facts, version=version)).title == "churn"


def test_limits_name_what_is_refused_and_what_nobody_knows() -> None:
    told = "\n".join(limits_of(facts_of(cost=SLOW)))
    missed = "The requirement p99_ms is missed: 2.5 ms, and it requires at most 1 ms."
    assert told.startswith(f"{missed}\nUse fewer trees.\n")
    assert "A row holds all 5 columns by name and no other" in told
    assert "null is refused in job, level, member, since." in told
    assert "Other values than the declared categories are refused in level." in told
    assert "In job any text is taken" in told
    assert "Numbers outside the range of the training data" in told
    assert "The metrics rest on 400 test rows" in told
    assert "Fewer than 30 test rows have the class yes" in told
    assert "The code differed from the commit cccccccccccc" in told
    whole = replace(LINEAGE, commit=None, test=replace(LINEAGE.test, rows=5_000))
    told = "\n".join(limits_of(facts_of(lineage=whole, serialisation="cloudpickle", metrics={})))
    assert "test rows" not in told
    assert "Loading the model runs code from its file" in told
    assert "The code is in no git repository" in told


def test_names_that_are_markup_change_nothing_of_the_page() -> None:
    page, plain = card_to_html(make_card(facts_named(HOSTILE))), card_to_html(make_card(facts_named(PLAIN)))
    assert Elements(page).found == Elements(plain).found
    assert "<script" not in page
    page.encode()  # a lone surrogate would not go into a file


def test_names_that_are_markup_change_nothing_of_the_markdown() -> None:
    render = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])

    def elements(facts: CardFacts) -> list[tuple[str, ...]]:
        return Elements(str(render(card_to_markdown(make_card(facts))))).found

    assert elements(facts_named(HOSTILE)) == elements(facts_named(PLAIN))


def test_nothing_is_hidden_or_turned_around() -> None:
    facts = facts_named(HOSTILE)
    for text in (card_to_html(make_card(facts)), card_to_markdown(make_card(facts))):
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]", text)
        assert "u202eevil" in text


def test_the_page_asks_nobody_and_runs_nothing() -> None:
    page = card_to_html(make_card(facts_of()))
    assert "default-src 'none'" in page
    tags = {one[0] for one in Elements(page).found}
    assert not tags & {"script", "img", "iframe", "link", "object", "form", "a"}
    assert not re.search(r"url\(|@import|\bon\w+=", page)


def test_a_thousand_columns_are_counted_where_they_are_too_many() -> None:
    columns = tuple(replace(COLUMNS[0], name=f"c{place}") for place in range(1_000))
    profile = build_profile({column.name: np.array([1.0, 2.0]) for column in columns}, {})
    facts = facts_of()
    version = replace(facts.version, signature=replace(facts.version.signature, columns=columns))
    example = [{column.name: 1.0 for column in columns}]
    markdown = card_to_markdown(make_card(replace(facts, version=version, profile=profile, example=example)))
    assert "800 more columns are in profile.json" in markdown
    assert "@input\\_example.json" in markdown or "@input_example.json" in markdown
    assert len(markdown) < 60_000


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.zeros(50), 1),
        (np.full(50, np.nan), 0),
        (np.array([np.inf, -np.inf] * 25), 1),
        (np.random.default_rng(0).standard_cauchy(5_000), 24),
        (np.arange(5_000.0), 24),
    ],
    ids=["constant", "missing", "infinite", "heavy tails", "even"],
)
def test_whatever_a_column_holds_its_spread_can_be_drawn(values: np.ndarray, wanted: int) -> None:
    column = build_profile({"a": values}, {}).columns[0]
    heights = shape_of(column).heights
    assert len(heights) in (wanted, 24 if wanted == 1 else wanted)
    assert all(0 <= height <= 1 for height in heights)
    assert not heights or max(heights) == 1


def test_an_even_column_is_drawn_evenly_and_an_outlier_does_not_flatten_the_rest() -> None:
    even = shape_of(build_profile({"a": np.arange(10_000.0)}, {}).columns[0]).heights
    assert min(even) > 0.9
    spiked = shape_of(build_profile({"a": np.append(np.arange(10_000.0), 1e12)}, {}).columns[0]).heights
    assert sum(height > 0.5 for height in spiked) > 15


def test_categories_are_drawn_by_their_share() -> None:
    column = ColumnProfile("a", "categorical", categories=("x", "y"), counts=(64, 16, 0, 5))
    assert shape_of(column).heights == (1.0, 0.5)


def test_the_lead_names_one_input_and_several_targets() -> None:
    facts = facts_of()
    signature = replace(
        facts.version.signature, columns=COLUMNS[:1], classes=(), task="regression", targets=("a", "b")
    )
    told = lead_of(replace(facts, version=replace(facts.version, signature=signature)))
    assert told == "Regression of 2 targets from 1 input: StandardScaler → LogisticRegression"


def test_a_short_card_begins_with_the_metrics_that_say_most() -> None:
    names = ("accuracy", "log_loss", "training_r2", "roc_auc", "balanced_accuracy", "f1_macro", "recall/yes")
    assert headlines(dict.fromkeys(names, 1.0)) == ("balanced_accuracy", "roc_auc", "accuracy", "f1_macro")
    assert headlines({}) == ()
