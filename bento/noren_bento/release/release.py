"""Release: candidate + champion + plan + state, always folded from its events and never stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from itertools import groupby

from noren_bento.errors import NorenError
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.event import Caller, Cursor, Event
from noren_bento.release.evidence import Evidence
from noren_bento.release.plan import Plan, Step


class State(StrEnum):
    """Where a release is in the ring."""

    OPENED = "opened"
    BUILT = "built"
    VALIDATED = "validated"
    CANARY = "canary"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Release:
    """One attempt to make a candidate the champion."""

    id: str
    name: str
    """The registered model."""
    candidate: str
    champion: str | None
    """The version that had the traffic when this release was opened; None at the first release."""
    digest: str
    plan: Plan
    caller: Caller
    opened_at: float
    who: str
    state: State = State.OPENED
    seq: int = 0
    bento_path: str = ""
    bento_digest: str = ""
    runtime: str = ""
    report: str = ""
    checks: tuple[Verdict, ...] = ()
    approved_by: str = ""
    start_requested: bool = False
    paused: bool = False
    requested: ev.Action | None = None
    """A promote or roll back that a person asked for and that is not carried out yet."""
    requested_by: str = ""
    requested_note: str = ""
    asker: ev.Asker = "person"
    """Whether a person asks, or the deploy that opened it."""
    weight: int = 0
    epoch: int = 0
    deadline_seconds: float = 1.0
    step_index: int = -1
    step_at: float = 0.0
    ended_at: float | None = None
    evidence: Evidence = Evidence()  # noqa: RUF009 -- frozen
    cursor: Cursor | None = None
    verdicts: tuple[Verdict, ...] = ()
    judged_at: float = 0.0
    because: str = ""
    """Why it is in this state: the last event's sentence."""

    @property
    def active(self) -> bool:
        """Whether it still wants something: neither promoted nor rolled back."""
        return self.state not in (State.PROMOTED, State.ROLLED_BACK)

    @property
    def gate_closed(self) -> bool:
        """Whether its validation ended without letting it through; only its roll back may follow."""
        return self.state is State.BUILT and bool(self.report)

    @property
    def step(self) -> Step | None:
        """The plan's current step while in canary."""
        return self.plan.steps[self.step_index] if self.state is State.CANARY and self.champion else None

    @property
    def cleared(self) -> bool:
        """Whether it may get traffic: validated for this digest, and approved where the plan asks for it."""
        return self.state is State.VALIDATED and (bool(self.approved_by) or not self.plan.approval)


def fold(events: Iterable[Event]) -> Release:
    """Make a Release from its events, oldest first.

    Raises NorenError when the log does not begin with Opened or an event does not follow from the state.
    """
    iterator = iter(events)
    first = next(iterator, None)
    if first is None or not isinstance(first.body, ev.Opened):
        raise NorenError(
            "A release's log begins with 'opened'; this one does not. The event store is damaged."
        )
    opened = first.body
    release = Release(
        id=first.release,
        name=first.release.rpartition("@")[0],
        candidate=opened.candidate,
        champion=opened.champion,
        digest=opened.digest,
        plan=opened.plan,
        caller=opened.caller,
        opened_at=first.at,
        who=first.who,
        because=first.why,
    )
    return reduce(apply, iterator, release)


def fold_all(events: Sequence[Event]) -> tuple[Release, ...]:
    """Fold a whole log into its releases, in the order in which they were opened."""
    order = {event.release: index for index, event in reversed(list(enumerate(events)))}
    by_release = groupby(
        sorted(events, key=lambda event: (order[event.release], event.seq)), lambda e: e.release
    )
    return tuple(fold(group) for _, group in by_release)


def refuse(release: Release, body: ev.Body) -> str | None:
    """Say why this event may not follow, or None when it may."""
    state = release.state
    here = f"{release.candidate} is {state}"
    match body:
        case ev.Opened():
            return f"{release.id} is open already"
        case ev.Rebuilt() if state is not State.PROMOTED:
            return f"{here}: another build is accepted only for a version that was promoted; deploy it again"
        case ev.Rebuilt(digest=digest) if digest == release.bento_digest:
            return f"{release.candidate} was released with this build; there is nothing to accept"
        case ev.Built() if state is not State.OPENED and not isinstance(body, ev.Rebuilt):
            return f"{here}: built follows opened"
        case ev.Validated() if state is not State.BUILT:
            return f"{here}: validated follows built"
        case ev.Validated(digest=digest) if digest != release.digest:
            return f"what was validated (digest {digest[:12]}) is not {release.candidate} ({release.digest[:12]})"
        case ev.Approved(digest=digest) if digest != release.digest:
            return (
                f"what was approved (digest {digest[:12]}) is not {release.candidate} ({release.digest[:12]})"
            )
        case ev.Approved() if state is not State.VALIDATED:
            return f"{here}: it is approved after it is validated and before it has traffic"
        case ev.Started() if not release.cleared:
            return f"{here}: it is started after it is validated and, where asked for, approved"
        case ev.Stepped() | ev.Judged() if state is not State.CANARY:
            return f"{here}: only a canary is stepped and judged"
        case ev.Promoted() if state is not State.CANARY:
            return f"{here}: only a canary is promoted"
        case ev.RolledBack() if state is State.ROLLED_BACK:
            return f"{release.candidate} is rolled back already"
        case ev.Requested(action="roll back") if state is State.ROLLED_BACK:
            return f"{release.candidate} is rolled back already"
        case ev.Requested(action="promote" | "pause" | "resume") if state is not State.CANARY:
            return f"{here}: only a running canary can be promoted, paused or resumed"
        case ev.Requested(action="start") if state is not State.VALIDATED:
            return f"{here}: only a validated candidate can be started"
    return None


def apply(release: Release, event: Event) -> Release:
    """Return the release after one more event; raise where it does not follow."""
    body = event.body
    if event.seq != release.seq + 1:
        raise NorenError(
            f"The log of {release.id} jumps from event {release.seq} to {event.seq}. The event store is damaged; "
            "restore it from a copy."
        )
    if reason := refuse(release, body):
        raise NorenError(f"{event.kind!r} does not follow: {reason}.")
    after = replace(release, seq=event.seq, because=event.why)
    match body:
        case ev.Rebuilt():
            return replace(after, bento_path=body.path, bento_digest=body.digest, runtime=body.runtime)
        case ev.Built():
            return replace(
                after,
                state=State.BUILT,
                bento_path=body.path,
                bento_digest=body.digest,
                runtime=body.runtime,
            )
        case ev.Validated():
            # A gate that did not pass leaves the release where it was: only its roll back may follow.
            state = State.VALIDATED if body.outcome is Outcome.PASS else release.state
            return replace(after, state=state, checks=body.checks, report=body.report)
        case ev.Approved():
            return replace(after, approved_by=event.who)
        case ev.Requested(action="start"):
            return replace(after, start_requested=True)
        case ev.Requested(action="pause"):
            return replace(after, paused=True)
        case ev.Requested(action="resume"):
            return replace(after, paused=False)
        case ev.Requested():
            return replace(
                after,
                requested=body.action,
                requested_by=event.who,
                requested_note=body.note,
                asker=body.asker,
            )
        case ev.Started():
            return replace(
                after,
                state=State.CANARY,
                epoch=body.epoch,
                weight=body.weight,
                cursor=body.cursor,
                deadline_seconds=body.deadline_seconds,
                step_index=0,
                step_at=event.at,
                judged_at=event.at,
            )
        case ev.Stepped():
            return replace(
                after,
                epoch=body.epoch,
                weight=body.weight,
                cursor=body.cursor,
                evidence=body.evidence,
                step_index=release.step_index + 1,
                step_at=event.at,
            )
        case ev.Judged():
            return replace(
                after,
                verdicts=body.verdicts,
                evidence=body.evidence,
                cursor=body.cursor,
                judged_at=event.at,
                because=release.because,
            )
        case ev.Promoted():
            return replace(
                after,
                state=State.PROMOTED,
                weight=100,
                epoch=body.epoch,
                evidence=body.evidence,
                deadline_seconds=body.deadline_seconds,
                requested=None,
                ended_at=event.at,
            )
        case ev.RolledBack():
            return replace(
                after,
                state=State.ROLLED_BACK,
                weight=0,
                epoch=body.epoch,
                evidence=body.evidence if body.evidence.epochs else release.evidence,
                requested=None,
                ended_at=event.at,
            )
        case _:
            return replace(after, because=release.because)


def maker_of_champion(releases: Iterable[Release]) -> Release | None:
    """Return the release that made the version that has the traffic of one model, given all its releases in order.

    A release that was promoted and then rolled back gives the traffic back to the release that made its champion.
    """
    made: list[Release] = []
    for release in releases:
        if release.state is State.PROMOTED:
            made.append(release)
    return made[-1] if made else None


def champion_of(releases: Iterable[Release]) -> str | None:
    """Return the version that has the traffic of one model, given all its releases, oldest first."""
    maker = maker_of_champion(releases)
    return maker.candidate if maker is not None else None


def release_to_roll_back(releases: Sequence[Release]) -> Release:
    """Return what `rollback NAME` means: the running release, else the one that made the champion, else the last."""
    active = next((release for release in releases if release.active), None)
    return active or maker_of_champion(releases) or releases[-1]
