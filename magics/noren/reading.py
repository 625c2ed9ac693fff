"""What a view reads out of a snapshot: has it ended, does it need a person, who is who, was a user hurt."""

from __future__ import annotations

from noren.wording import plural, short
from noren_bento.control.snapshot import ArmView, Snapshot
from noren_bento.release.check import Outcome

VERDICT_WORDS = {Outcome.PASS: "safe", Outcome.UNSURE: "undecided", Outcome.FAIL: "regressed"}


def has_ended(s: Snapshot) -> bool:
    """Whether the release wants nothing any more: promoted, rolled back, or never released."""
    return s.state in ("promoted", "rolled back") or bool(s.not_released)


def state_of(s: Snapshot) -> str:
    """The word for where the release is."""
    return "not released" if s.not_released else s.state or "deploying"


def is_urgent(s: Snapshot) -> bool:
    """Whether a person must do something now."""
    return bool(s.not_released) or (has_stopped(s) and not has_ended(s))


def has_stopped(s: Snapshot) -> bool:
    """Whether a stage failed."""
    return any(stage.status == "failed" for stage in s.stages)


def is_troubled(s: Snapshot) -> bool:
    """Whether a stage or a guardrail failed."""
    return has_stopped(s) or any(verdict.outcome is Outcome.FAIL for verdict in s.verdicts)


def change(s: Snapshot) -> str:
    """Return `v2 → v3`; only `v3` at the first release."""
    return f"{short(s.champion)} → {short(s.candidate)}" if s.champion else short(s.candidate)


def roles(s: Snapshot) -> list[tuple[ArmView, str, str]]:
    """Each arm with its role in this release, which gives the colour, and the word for what it is now."""
    known = [(arm, "candidate" if arm.version == s.candidate else "champion") for arm in s.arms]
    return [(arm, _colour(s, role), _word(s, arm, role)) for arm, role in known]


def _colour(s: Snapshot, role: str) -> str:
    """The role that gives the colour: a first release replaces nobody, so its champion looks like any champion."""
    return "champion" if s.champion is None and s.state == "promoted" else role


def _word(s: Snapshot, arm: ArmView, role: str) -> str:
    """What an arm is now: later releases may have replaced both."""
    if not has_ended(s):
        return role
    if role == "champion":
        return "champion" if arm.share else "previous"
    if s.state == "rolled back":
        return "rolled back"
    return "champion" if arm.share else "superseded"


def harm(s: Snapshot) -> tuple[bool, str]:
    """Whether a user saw a failure, and the sentence that says so."""
    requests = sum(arm.requests for arm in s.arms)
    failed, harmed = sum(arm.failed for arm in s.arms), sum(arm.harmed for arm in s.arms)
    if not requests:
        return False, "No requests yet."
    if harmed:
        return True, f"{plural(harmed, 'request')} failed for users."
    if failed:
        return False, f"Every request was answered, {failed:,} of them at the second try."
    return False, "Every request was answered."
