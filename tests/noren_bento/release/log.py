"""Short ways to write a release's log in tests."""

from __future__ import annotations

from noren_bento.release import event as ev
from noren_bento.release.check import Outcome
from noren_bento.release.event import Body, Caller, Cursor, Event
from noren_bento.release.plan import Plan

CURSOR = Cursor("envoy-1", 0)


def opened(candidate: str = "m/2", champion: str | None = "m/1", plan: Plan | None = None) -> ev.Opened:
    return ev.Opened(candidate, champion, "d" * 64, plan or Plan(), Caller(1, 0.0))


BUILT = ev.Built("m:2", "/bentos/m/2", "onnx", "equal answers")
VALIDATED = ev.Validated(Outcome.PASS, "d" * 64, (), "/report.html")
STARTED = ev.Started(1, 10, CURSOR)


def log(*bodies: Body, release: str = "m@1", who: str = "ana") -> list[Event]:
    return [Event(release, seq, float(seq), who, "because", body) for seq, body in enumerate(bodies)]


def canary(champion: str | None = "m/1", *more: Body, plan: Plan | None = None) -> list[Event]:
    start = ev.Requested("start")
    return log(opened(champion=champion, plan=plan), BUILT, VALIDATED, start, STARTED, *more)
