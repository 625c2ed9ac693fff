"""decide: the one function from which every start, step, promotion and roll back comes."""

from __future__ import annotations

from dataclasses import dataclass

from noren_bento.release.check import Outcome, Verdict, worst
from noren_bento.release.evidence import Evidence
from noren_bento.release.release import Release, State
from noren_bento.release.words import checks_in_words, reasons


@dataclass(frozen=True, slots=True)
class Observation:
    """What the edges saw of one release at one moment."""

    verdicts: tuple[Verdict, ...] = ()
    """Of the guardrails, or of the replay at a first release."""
    evidence: Evidence = Evidence()  # noqa: RUF009 -- frozen
    caller_alive: bool = True
    """Whether the process that tags, builds and validates still runs."""
    candidate_ready: bool = False
    """Whether the candidate's service answers /readyz."""
    problem: str = ""
    """Why the candidate's service cannot run, where it cannot."""
    replay_p99_ms: float | None = None
    """Latency of a first release's replay."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do but wait."""

    because: str


@dataclass(frozen=True, slots=True)
class Start:
    """Give the candidate its first share (the first release: replay its reference rows)."""

    weight: int
    because: str


@dataclass(frozen=True, slots=True)
class StepUp:
    """Give the candidate the next share of the plan."""

    weight: int
    because: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Make the candidate the champion."""

    because: str
    asked_by: str = ""
    """The person who asked for it; empty where the evidence did."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take all traffic from the candidate."""

    because: str
    asked_by: str = ""
    """As for Promote."""


Decision = Hold | Start | StepUp | Promote | RollBack


def decide(release: Release, observed: Observation, now: float) -> Decision:
    """Return what must happen to this release now, with the reason in one sentence.

    No evidence is never success and never failure: without requests a canary holds for ever.
    """
    if release.requested == "roll back" and release.state is not State.ROLLED_BACK:
        return _taken_back(release)
    match release.state:
        case State.OPENED | State.BUILT | State.VALIDATED:
            return _before_traffic(release, observed)
        case State.CANARY if release.champion is None:
            return _first_release(release, observed)
        case State.CANARY:
            return _canary(release, observed, now)
    return Hold(release.because)


def _before_traffic(release: Release, observed: Observation) -> Decision:
    if observed.problem:
        return RollBack(f"{release.candidate} cannot be served: {observed.problem}")
    if not release.start_requested and not observed.caller_alive:
        return RollBack("the process that deployed it ended before the start")
    if release.state is not State.VALIDATED:
        return Hold(f"{_first_share(release)} when the checks pass")
    if not release.cleared:
        return Hold(f"waiting for the approval of a person other than {release.who}")
    if not release.start_requested:
        return Hold("validated; `%canary` starts it")
    if not observed.candidate_ready:
        return Hold(f"{release.candidate} is starting")
    if release.champion is None:
        return Start(0, "no champion yet: its reference rows are replayed first")
    weight = release.plan.steps[0].weight
    return Start(weight, f"{release.candidate} gets {weight} % of the traffic")


def _first_release(release: Release, observed: Observation) -> Decision:
    outcome = worst(observed.verdicts)
    because = reasons(observed.verdicts)
    if observed.problem:
        return RollBack(f"{release.candidate} stopped serving: {observed.problem}")
    if outcome is Outcome.FAIL:
        return RollBack(because)
    if outcome is Outcome.PASS:
        return Promote(f"first release: {because}")
    return Hold("replaying reference rows")


def _first_share(release: Release) -> str:
    """What a candidate gets that passes its validation."""
    if release.plan.approval and not release.approved_by:
        return "an approval"
    return (
        "a replay of its reference rows" if release.champion is None else f"{release.plan.steps[0].weight} %"
    )


def _taken_back(release: Release) -> RollBack:
    """What is asked for: by the gate or the deploy itself, which is nobody's wish, or by a person."""
    if release.gate_closed:
        return RollBack(f"the gate is closed: {checks_in_words(release.checks)}")
    if release.asker == "deploy":
        return RollBack(release.requested_note.rstrip(". ") or "the deploy did not come to its start")
    return RollBack(_asked(release), asked_by=release.requested_by)


def _asked(release: Release) -> str:
    note = f": {release.requested_note}" if release.requested_note else ""
    return f"{release.requested_by} asked for it{note}"


def _canary(release: Release, observed: Observation, now: float) -> Decision:
    failed = [verdict for verdict in observed.verdicts if verdict.outcome is Outcome.FAIL]
    if failed:
        return RollBack(reasons(failed))
    if release.requested == "promote":
        return Promote(_asked(release), asked_by=release.requested_by)
    if release.paused:
        return Hold(f"paused at {release.weight} %")
    step = release.plan.steps[release.step_index]
    last = release.step_index + 1 == len(release.plan.steps)
    goal = "promoted" if last else f"{release.plan.steps[release.step_index + 1].weight} %"
    chosen = observed.evidence.at(release.epoch).candidate.requests
    waits = []
    if worst(observed.verdicts) is not Outcome.PASS:
        unsure = [verdict for verdict in observed.verdicts if not verdict.passed]
        names = " and ".join(verdict.check for verdict in unsure) or "the guardrails"
        more = max((verdict.more_requests or 0 for verdict in unsure), default=0)
        waits.append(f"{names} are safe" + (f" (about {more:,} more requests)" if more else ""))
    if chosen < step.min_requests:
        waits.append(f"{step.min_requests - chosen} more requests reached the candidate")
    if (left := release.step_at + step.hold_seconds - now) > 0:
        waits.append(f"{left:.0f} s have passed")
    if waits:
        return Hold(f"{goal} when {', and '.join(waits)}")
    because = reasons(observed.verdicts)
    if last:
        return Promote(because)
    return StepUp(release.plan.steps[release.step_index + 1].weight, because)
