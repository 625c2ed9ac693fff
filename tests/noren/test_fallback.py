"""The static release view reads well, lets nothing of a person's run and asks no server."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from noren.fallback import snapshot_to_html, snapshot_to_text
from noren.reading import roles, state_of
from noren.wording import short
from noren_bento.control.snapshot import ArmView, ColumnView
from tests.noren.snapshots import (
    CANARY,
    DRIFTING,
    FIRST,
    FIRST_PROMOTED,
    GATE_CLOSED,
    HOSTILE,
    ROLLED_BACK,
    SILENT,
    SNAPSHOTS,
    TAGGING,
    TAKEN_BACK,
    UNFITTED,
)


class _Reader(HTMLParser):
    """Collects the words, the tags, the attributes and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_every_state_is_well_formed_and_names_model_state_and_versions(name: str) -> None:
    text = read(snapshot_to_html(SNAPSHOTS[name])).text
    assert "churn" in text
    assert state_of(SNAPSHOTS[name]) in text
    assert short(SNAPSHOTS[name].candidate) in text


def test_a_canary_says_who_gets_what_whether_anyone_is_hurt_what_is_known_and_what_is_next() -> None:
    text = read(snapshot_to_html(CANARY)).text
    for words in (
        "v2 champion 90 %",
        "v3 candidate 10 %",
        "Every request was answered, 4 of them at the second try.",
        "undecided about 240 more requests, 15 s",
        "Evidence 180 to 1",
        "next 50 % when errors and p95 are safe",
        "%promote churn %rollback churn",
    ):
        assert words in text


def test_requests_that_failed_for_users_are_an_alarm() -> None:
    arms = (CANARY.arms[0], replace(CANARY.arms[1], failed=12, harmed=12))
    html = snapshot_to_html(replace(CANARY, arms=arms))
    assert '<p class="nr-harm nr-alarm">12 requests failed for users.</p>' in html


def test_the_worst_drifting_column_is_named_with_its_size_and_start() -> None:
    assert re.search(
        r"mean area PSI 0\.31, since \d\d:\d\d, and 1 other column", read(snapshot_to_html(DRIFTING)).text
    )


def test_an_alarm_is_named_before_a_larger_shift_without_evidence() -> None:
    columns = (ColumnView("loud", 0.9, 1.0, alarm=False), ColumnView("sure", 0.2, 9.0, alarm=True))
    assert "sure PSI 0.20" in read(snapshot_to_html(replace(CANARY, drift=columns))).text


def test_the_first_release_has_one_arm_and_shows_no_empty_rows() -> None:
    text = read(snapshot_to_html(FIRST)).text
    assert "candidate v1" in text
    assert "400 reference rows answered, none failed." in text
    assert "p95" not in text
    assert "step" not in text
    assert "step" not in snapshot_to_text(FIRST)


def test_a_release_that_ended_promises_no_further_requests() -> None:
    assert "more requests" not in snapshot_to_html(ROLLED_BACK)


def test_what_people_write_is_shown_and_never_run() -> None:
    reader = read(snapshot_to_html(HOSTILE))
    assert not reader.tags & {"script", "img", "iframe", "object", "a"}
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert "<script>alert(3)</script>" in reader.text


def test_nothing_is_loaded_from_anywhere() -> None:
    html = snapshot_to_html(CANARY)
    assert not re.search(r"url\(|@import|src=", html)


def test_a_drift_limit_of_zero_does_not_stop_the_view() -> None:
    assert "mean area" in snapshot_to_html(replace(DRIFTING, psi_limit=0.0))


def test_an_arm_that_knows_nothing_yet_is_shown_with_dashes() -> None:
    arms = (CANARY.arms[0], ArmView("churn/3", 10))
    assert "v3 candidate 10 % starting" in read(snapshot_to_html(replace(CANARY, arms=arms))).text


def test_one_line_of_text_tells_the_state_and_why() -> None:
    line = snapshot_to_text(ROLLED_BACK)
    assert line.startswith("churn v2 → v3 · rolled back · errors regressed")
    assert "4 of 35 requests failed" in line
    assert "\n" not in line


def test_a_deploy_that_tags_shows_its_steps_before_there_is_a_version() -> None:
    text = read(snapshot_to_html(TAGGING)).text
    assert text.strip().startswith("churn deploying for 3.4")
    assert "tag 3.4 s measuring what it costs" in text.replace("\u202f", " ")
    assert snapshot_to_text(TAGGING) == "churn · deploying"


def test_a_deploy_that_failed_before_a_version_shows_what_failed_and_nothing_else() -> None:
    text = read(snapshot_to_html(UNFITTED)).text
    assert re.fullmatch(
        r" ?churn not released tag failed as of [\d: -]+tag 0\.2\ss ?The model is not fitted: "
        r"LogisticRegression has no coef_ yet\.",
        text.strip(),
    ), text
    assert '<p class="nr-lede nr-alarm">The model is not fitted' in snapshot_to_html(UNFITTED)
    assert snapshot_to_text(UNFITTED) == (
        "churn · not released: tag failed · The model is not fitted: LogisticRegression has no coef_ yet."
    )


def test_a_closed_gate_is_told_with_its_report_and_offers_nothing() -> None:
    reader = read(snapshot_to_html(GATE_CLOSED))
    for words in (
        "not released gate closed (6 of 8 checks)",
        "accuracy: 0.81 is below 0.9; bias",
        GATE_CLOSED.report,
    ):
        assert words in reader.text
    for words in ("%rollback", "%promote", "next", "requests to", "start", "waiting"):
        assert words not in reader.text
    assert snapshot_to_text(GATE_CLOSED).endswith(f"bias: 0.4 is above 0.2 · report: {GATE_CLOSED.report}")
    assert "churn v2 → v3 · not released: gate closed (6 of 8 checks) · the gate" in snapshot_to_text(
        GATE_CLOSED
    )


def test_without_rows_drift_says_so_and_no_number() -> None:
    text = read(snapshot_to_html(SILENT)).text
    assert "drift no rows yet" in text
    assert "PSI" not in text
    assert "undecided No requests yet." in text


def test_the_champion_of_a_first_release_has_the_colour_of_champions() -> None:
    assert [(role, word) for _, role, word in roles(FIRST)] == [("candidate", "candidate")]
    assert [(role, word) for _, role, word in roles(FIRST_PROMOTED)] == [("champion", "champion")]
    assert [role for _, role, _ in roles(SNAPSHOTS["promoted"])] == ["champion", "candidate"]


def test_a_roll_back_after_the_promotion_is_a_step() -> None:
    assert re.search(r"promote 0\.2\ss ?rolled back", read(snapshot_to_html(TAKEN_BACK)).text)
