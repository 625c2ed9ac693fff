"""The table of releases says who has the traffic now, not who once had it."""

from __future__ import annotations

from noren.tables import ReleasesTable
from noren_bento.release import event as ev
from noren_bento.release.event import Event
from noren_bento.release.release import fold_all
from tests.noren_bento.release.log import BUILT, CURSOR, VALIDATED, log, opened

STARTED = (BUILT, VALIDATED, ev.Requested("start"), ev.Started(1, 10, CURSOR))


def release(k: int, champion: str | None, *more: ev.Body, name: str = "m", candidate: int = 0) -> list[Event]:
    return log(opened(f"{name}/{candidate or k}", champion), *STARTED, *more, release=f"{name}@{k}")


def rows(*logs: list[Event]) -> dict[str, tuple[str, str]]:
    """Release → state and traffic, as the table shows them."""
    table = ReleasesTable(fold_all([event for one in logs for event in one]))
    return {row[0]: (row[3], row[4]) for row in table._rows()}


FIRST = release(1, None, ev.Promoted(2))
SECOND = release(2, "m/1", ev.Promoted(3))


def test_a_promoted_release_that_was_replaced_is_superseded_and_has_no_traffic() -> None:
    assert rows(FIRST, SECOND) == {"m@1": ("superseded", "0 %"), "m@2": ("promoted", "100 %")}


def test_a_champion_shares_with_the_running_canary() -> None:
    assert rows(FIRST, release(2, "m/1")) == {"m@1": ("promoted", "90 %"), "m@2": ("canary", "10 %")}


def test_a_roll_back_gives_the_traffic_back_to_the_release_before() -> None:
    back = [ev.Promoted(3), ev.RolledBack(4)]
    assert rows(FIRST, release(2, "m/1", *back)) == {
        "m@1": ("promoted", "100 %"),
        "m@2": ("rolled back", "0 %"),
    }


def test_a_version_that_was_released_twice_has_its_traffic_once() -> None:
    again = release(3, "m/2", ev.Promoted(4), candidate=1)
    assert rows(FIRST, SECOND, again) == {
        "m@1": ("superseded", "0 %"),
        "m@2": ("superseded", "0 %"),
        "m@3": ("promoted", "100 %"),
    }


def test_a_first_release_that_is_replayed_has_no_traffic_yet() -> None:
    first = log(opened("m/1", None), BUILT, VALIDATED, ev.Requested("start"), ev.Started(1, 0, CURSOR))
    assert rows(first) == {"m@1": ("canary", "0 %")}


def test_models_do_not_mix() -> None:
    other = release(1, None, ev.Promoted(2), name="n")
    assert rows(FIRST, other, SECOND)["n@1"] == ("promoted", "100 %")


def test_what_needs_a_look_stands_under_the_releases_as_text() -> None:
    told = "alias of m: m/1 serves, and is <no> longer in MLflow"
    table = ReleasesTable(fold_all(FIRST), (told,))
    assert repr(table).splitlines()[-1] == f"trouble: {told}"
    assert "is &lt;no&gt; longer in MLflow" in table._repr_html_()
