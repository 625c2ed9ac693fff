"""stages_of: the line of steps of one release, read from its log alone."""

from __future__ import annotations

from noren_bento.control.snapshot import StageView
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome
from noren_bento.release.event import Event
from noren_bento.release.words import counted, engine_in_words

NAMES = ("build", "validate", "start", "canary")
"""Those that take time in the log, in their order."""


def stages_of(events: tuple[Event, ...], now: float) -> tuple[StageView, ...]:
    """Return the stages of a release with their times; of one that ended before its start those it came to."""
    bodies = {type(event.body): event.body for event in events}
    ended = next((e for e in events if isinstance(e.body, ev.Promoted | ev.RolledBack)), None)
    broke = ended is not None and isinstance(ended.body, ev.RolledBack)
    details = _details(bodies)
    opened = bodies[ev.Opened]
    assert isinstance(opened, ev.Opened)
    stages = [StageView("tag", "done", detail=opened.candidate)]
    for name, start, end in _marks(events, ended):
        if start is None:
            status, seconds = "waiting", None
        elif end is None:
            status, seconds = ("failed" if broke else "running"), (ended.at if ended else now) - start
        else:
            status, seconds = "done", end - start
        if broke and ended is not None and end == ended.at and name == "canary":
            status = "failed"
        stages.append(StageView(name, status, seconds, details.get(name, "") if start is not None else ""))
        if status == "failed" and ev.Started not in bodies:
            return tuple(stages)
    if not broke:
        stages.append(StageView("promote", "done" if ended else "waiting"))
    if ev.RolledBack in bodies:
        stages.append(StageView("rolled back", "failed"))
    return tuple(stages)


def _marks(events: tuple[Event, ...], ended: Event | None) -> list[tuple[str, float | None, float | None]]:
    """Each stage with its begin and its end, in Unix seconds. A gate that closed is no end of its stage."""
    at = {event.kind: event.at for event in events}
    passed = next(
        (e.at for e in events if isinstance(e.body, ev.Validated) and e.body.outcome is Outcome.PASS), None
    )
    starts = (at["opened"], at.get("built"), passed, at.get("started"))
    return list(zip(NAMES, starts, (*starts[1:], ended.at if ended else None), strict=True))


def _details(bodies: dict[type[ev.Body], ev.Body]) -> dict[str, str]:
    found = {}
    for body in bodies.values():
        match body:
            case ev.Built(runtime=runtime, speedup=speedup):
                found["build"] = engine_in_words(runtime, speedup)
            case ev.Validated(checks=checks):
                found["validate"] = counted(checks)
            case ev.Started(weight=weight):
                found["start"] = (
                    f"{weight} % of the traffic" if weight else "live" if ev.Promoted in bodies else ""
                )
    return found
