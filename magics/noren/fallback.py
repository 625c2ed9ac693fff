"""The static release view: one Snapshot as plain HTML, for saved notebooks, nbconvert and GitHub.

It says the same words as release_view/*.js, which draw the live view, and shares its stylesheet. Where a page removes
styles, a heading, a list and a table are left that read well by themselves.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files

from noren.fallback_table import drift, table, traffic
from noren.markup import Markup, join, tag
from noren.reading import VERDICT_WORDS, change, has_ended, is_troubled, is_urgent, state_of
from noren.wording import THIN, clock, duration, short
from noren_bento.control.snapshot import EventView, Snapshot, StageView

MARKS = {"done": "M4.5 8.2l2.4 2.4 4.6-5", "failed": "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"}
MAGICS = {"promote": "%promote", "roll back": "%rollback"}


def snapshot_to_html(snapshot: Snapshot) -> str:
    """Return the release view of this moment as HTML that needs no script and asks no server."""
    sections = (_header, _stages, traffic, table, drift, _next, _story, _foot)
    label = f"Release of {snapshot.name}"
    return tag(
        "section",
        {"class": "noren-release nr-static", "aria-label": label},
        Markup(f"<style>{_stylesheet()}</style>"),
        [section(snapshot) for section in sections],
    )


def snapshot_to_text(snapshot: Snapshot) -> str:
    """Return the same in one line, for terminals and logs.

    >>> from noren_bento.control.snapshot import Snapshot
    >>> snapshot_to_text(Snapshot("churn@1", "churn", "built", 9.0, 0.0, "churn/2", "churn/1", "", next="canary"))
    'churn v1 → v2 · built · next: canary'
    """
    facts = [f"{snapshot.name} {change(snapshot)}".rstrip(), state_of(snapshot)]
    if snapshot.not_released:
        facts[-1] += f": {snapshot.not_released}"
    if snapshot.state == "canary" and snapshot.step:
        facts += [f"step {snapshot.step} of {snapshot.steps}", f"{snapshot.weight} %"]
    facts += [f"{verdict.check} {VERDICT_WORDS[verdict.outcome]}" for verdict in snapshot.verdicts]
    facts += [snapshot.because] if snapshot.because and (has_ended(snapshot) or is_troubled(snapshot)) else []
    facts += [f"next: {snapshot.next}"] if snapshot.next else []
    facts += [f"report: {snapshot.report}"] if snapshot.not_released and snapshot.report else []
    return " · ".join(facts)


@cache
def _stylesheet() -> str:
    text = files("noren").joinpath("release_view/style.css").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("/*"))


def _header(s: Snapshot) -> Markup:
    if s.not_released:
        facts = s.not_released
    elif s.state == "canary" and s.step:
        facts = f"step {s.step} of {s.steps} · {s.weight}{THIN}% · {duration(s.step_seconds)}"
    else:
        facts = (
            f"opened {clock(s.opened_at, s.now)}" if has_ended(s) else f"for {duration(s.now - s.opened_at)}"
        )
    before = f"{short(s.champion)} → " if s.champion else ""
    moment = datetime.fromtimestamp(s.now)
    return tag(
        "header",
        {"class": "nr-head"},
        tag("span", {"class": "nr-name"}, s.name),
        " ",
        tag("span", {"class": "nr-change"}, before, tag("b", None, short(s.candidate))),
        " ",
        tag(
            "span",
            {"class": "nr-status"},
            tag("span", {"class": "nr-state", "data-state": s.state}, state_of(s)),
            " ",
            tag("span", {"class": "nr-facts", "title": s.release}, facts),
            tag("span", {"class": "nr-facts nr-asof"}, f" as of {moment:%Y-%m-%d %H:%M}"),
        ),
    )


def _stages(s: Snapshot) -> Markup | None:
    return tag("ol", {"class": "nr-stages"}, [_stage(stage) for stage in s.stages]) if s.stages else None


def _stage(stage: StageView) -> Markup:
    circle = tag("circle", {"cx": 8, "cy": 8, "r": 6.5})
    path = tag("path", {"d": MARKS[stage.status]}) if stage.status in MARKS else None
    view = {"class": "nr-mark", "viewBox": "0 0 16 16", "width": 16, "height": 16, "fill": "none"}
    time = tag("span", {"class": "nr-time"}, duration(stage.seconds)) if stage.seconds is not None else None
    return tag(
        "li",
        {"data-status": stage.status, "title": f"{stage.name}: {stage.status}"},
        tag("svg", {**view, "stroke": "#888", "role": "img", "aria-label": stage.status}, circle, path),
        tag("span", {"class": "nr-stage"}, stage.name, " ", time),
        " ",
        tag("span", {"class": "nr-detail"}, stage.detail) if stage.detail else None,
    )


def _next(s: Snapshot) -> Markup | None:
    lede = s.because if has_ended(s) or is_troubled(s) else ""
    magics = [f"{MAGICS[action]} {s.name}" for action in s.actions if action in MAGICS]
    if not (lede or s.next or magics):
        return None
    return tag(
        "div",
        {"class": "nr-next"},
        tag(
            "div",
            {"class": "nr-say"},
            tag("p", {"class": "nr-lede nr-alarm" if is_urgent(s) else "nr-lede"}, lede) if lede else None,
            tag("p", None, tag("span", {"class": "nr-label"}, "next"), " ", s.next) if s.next else None,
        ),
        tag("div", {"class": "nr-buttons"}, [join(tag("code", None, magic), " ") for magic in magics])
        if magics
        else None,
    )


def _story(s: Snapshot) -> Markup:
    lines = [_event(s, event) for event in s.events]
    recent = tag("ul", {"class": "nr-story"}, lines[:3]) if lines else None
    if len(lines) <= 3:
        return join(recent)
    summary = tag("summary", None, f"{len(lines) - 3} earlier")
    return join(
        recent, tag("details", {"class": "nr-earlier"}, summary, tag("ul", {"class": "nr-story"}, lines[3:]))
    )


def _event(s: Snapshot, event: EventView) -> Markup:
    who = tag("span", {"class": "nr-who"}, event.who) if event.who != "noren" else None
    time, kind = tag("time", None, clock(event.at, s.now)), tag("b", None, event.kind)
    return tag(
        "li", {"title": f"by {event.who}"}, time, " ", kind, " ", tag("span", None, event.why), " ", who
    )


def _foot(s: Snapshot) -> Markup | None:
    parts: list[Markup] = []
    if s.url and not s.not_released:
        where = tag("span", {"class": "nr-label"}, "requests to")
        parts.append(tag("span", None, where, " ", tag("code", None, s.url)))
    if s.report.startswith(("http://", "https://")):
        parts.append(tag("span", None, tag("a", {"href": s.report}, "validation report")))
    elif s.report:
        parts.append(
            tag("span", None, tag("span", {"class": "nr-label"}, "report"), " ", tag("code", None, s.report))
        )
    return tag("footer", {"class": "nr-foot"}, [join(part, " ") for part in parts]) if parts else None
