"""The view of a deploy shows its steps from the first moment, and what failed where there is no release."""

from __future__ import annotations

from typing import Any

import pytest

from noren.deploying import NAMELESS, Deploying
from noren.progress import Progress
from noren.reading import has_ended
from noren_bento.control.snapshot import Snapshot, StageView
from noren_bento.errors import ConflictError, NorenError
from tests.noren.snapshots import BUILDING


def deploying(subject: str = "churn", release: Any = None) -> tuple[Deploying, Progress]:
    stages = Progress(lambda text: None)
    return Deploying(subject, stages, lambda: release), stages


def marks(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(stage.name, stage.status) for stage in snapshot.stages]


def test_before_anything_has_begun_the_tag_runs_and_the_other_steps_wait() -> None:
    shown = deploying()[0].snapshot()
    assert marks(shown)[0] == ("tag", "running")
    assert [status for _, status in marks(shown)[1:]] == ["waiting"] * 5
    assert (shown.name, shown.candidate, shown.state) == ("churn", "", "")
    assert not has_ended(shown)


def test_what_the_tag_is_at_is_shown_while_it_runs() -> None:
    view, stages = deploying()
    with stages.running("tag"):
        stages.detail("tag", "counting 40,000 rows")
        assert view.snapshot().stages[0].detail == "counting 40,000 rows"


def test_a_tag_that_failed_is_all_that_is_shown_with_the_first_sentence_of_its_error() -> None:
    view, stages = deploying()
    with pytest.raises(NorenError), stages.running("tag"):
        raise NorenError("churn is not fitted. Call fit() before you deploy it.")
    shown = view.snapshot()
    assert marks(shown) == [("tag", "failed")]
    assert (shown.because, shown.not_released) == ("churn is not fitted.", "tag failed")
    assert has_ended(shown)


def test_what_fails_between_two_stages_is_shown_too() -> None:
    view, stages = deploying("churn/3")
    with stages.running("tag"):
        pass
    view.stopped(ConflictError("churn@2 is running already: churn/2 is canary. Promote it or roll it back."))
    shown = view.snapshot()
    assert marks(shown) == [("tag", "done")]
    assert shown.because == "churn@2 is running already: churn/2 is canary."
    assert shown.not_released == "stopped after tag"


@pytest.mark.parametrize(
    ("subject", "name", "candidate"),
    [("churn/3", "churn", "churn/3"), ("my wine!", "my wine!", ""), (str(None), NAMELESS, "")],
)
def test_a_name_is_never_told_as_a_version(subject: str, name: str, candidate: str) -> None:
    shown = deploying(subject)[0].snapshot()
    assert (shown.name, shown.candidate) == (name, candidate)


def test_an_interruption_is_told_as_one() -> None:
    view, stages = deploying()
    with pytest.raises(KeyboardInterrupt), stages.running("tag"):
        raise KeyboardInterrupt
    assert view.snapshot().because == "Interrupted."


def test_once_there_is_a_release_its_log_knows_the_rest() -> None:
    class Found:
        def snapshot(self) -> Snapshot:
            return BUILDING

    view, stages = deploying("churn", Found())
    with stages.running("tag"):
        stages.detail("tag", "churn/3")
    shown = view.snapshot()
    assert shown.state == "built"
    assert shown.stages[0] == StageView("tag", "done", shown.stages[0].seconds, "churn/3")
    assert shown.stages[1:] == BUILDING.stages[1:]


def test_what_was_done_is_told_in_the_words_of_the_log() -> None:
    class Found:
        def snapshot(self) -> Snapshot:
            return BUILDING

    view, stages = deploying("churn", Found())
    with stages.running("tag"), stages.running("build"):
        stages.detail("build", "quick")
        assert view.snapshot().stages[1].detail == "quick"
    assert view.snapshot().stages[1].detail == "ONNX Runtime"


def test_between_tag_and_build_it_says_what_is_awaited() -> None:
    view, stages = deploying()
    assert view.snapshot().next == ""
    with stages.running("tag"):
        pass
    assert view.snapshot().next == "build, as soon as Noren's processes are up"
