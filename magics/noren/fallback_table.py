"""The part of the static release view that compares both arms: traffic, the table of numbers and verdicts, drift."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from noren.markup import Markup, tag
from noren.reading import VERDICT_WORDS, harm, has_ended, roles
from noren.sparkline import sparkline
from noren.wording import THIN, UNKNOWN, clock, duration, fixed, latency, odds, plural, share, short
from noren_bento.control.snapshot import ArmView, ColumnView, Snapshot
from noren_bento.release.check import Outcome, Verdict

CHECKS_OF_ROW = {
    "requests": (),
    "errors": ("errors",),
    "p95": ("p95", "latency"),
    "outputs": ("outputs", "predictions"),
}


def traffic(s: Snapshot) -> Markup | None:
    """Who gets which share of the requests, and whether a user was hurt."""
    if not s.arms:
        return None
    harmed, words = harm(s)
    arms = [
        tag(
            "span",
            {"class": f"nr-arm nr-{role}"},
            tag("i", {"class": "nr-swatch"}),
            tag("b", None, short(arm.version)),
            f" {word} ",
            tag("span", {"class": "nr-share"}, f"{arm.share}{THIN}%"),
            " ",
            None if arm.ready or has_ended(s) else tag("span", {"class": "nr-detail"}, " starting"),
        )
        for arm, role, word in roles(s)
    ]
    bar = [tag("i", {"class": f"nr-{role}", "style": f"width: {arm.share}%"}) for arm, role, _ in roles(s)]
    return tag(
        "div",
        {"class": "nr-traffic"},
        tag("div", {"class": "nr-arms"}, arms),
        tag("div", {"class": "nr-bar", "aria-hidden": "true"}, bar),
        tag("p", {"class": "nr-harm nr-alarm" if harmed else "nr-harm"}, words),
    )


def table(s: Snapshot) -> Markup | None:
    """The numbers of both arms side by side, with the verdict of each guardrail."""
    if not s.arms:
        return None
    arms = roles(s)
    heads = [_head(arm, role, word) for arm, role, word in arms]
    seen = any(arm.requests for arm in s.arms)
    rows = []
    for key, checks in CHECKS_OF_ROW.items():
        verdict = next((one for one in s.verdicts if one.check in checks), None)
        if seen or key == "requests" or verdict:
            cells = [_arm_cell(s, key, arm, role) for arm, role, _ in arms]
            rows.append(tag("tr", None, tag("th", {"scope": "row"}, key), cells, _verdict(s, verdict, 1)))
    known = {check for checks in CHECKS_OF_ROW.values() for check in checks}
    for verdict in s.verdicts:
        if verdict.check not in known:
            cell = _verdict(s, verdict, len(arms) + 1)
            rows.append(tag("tr", {"class": "nr-wide"}, tag("th", {"scope": "row"}, verdict.check), cell))
    last = tag("th", {"scope": "col"}, "verdict" if s.verdicts else None)
    head = tag("thead", None, tag("tr", None, tag("td"), heads, last))
    return tag("table", {"class": "nr-table"}, head, tag("tbody", None, rows))


def _head(arm: ArmView, role: str, word: str) -> Markup:
    swatch = tag("i", {"class": "nr-swatch"})
    return tag("th", {"scope": "col", "class": f"nr-{role}"}, swatch, f"{word} {short(arm.version)}")


def _arm_cell(s: Snapshot, key: str, arm: ArmView, role: str) -> Markup:
    value, note, curve = UNKNOWN, "", None
    match key:
        case "requests":
            value = f"{arm.requests:,}"
            if arm.requests_per_second is not None and arm.share > 0:
                note = f"{fixed(arm.requests_per_second, 1)}{THIN}/s"
        case "errors":
            value = share(arm.error_rate)
            note = f"{arm.failed:,} of {arm.requests:,}" if arm.requests else ""
            curve = sparkline(arm.error_series, _top(s, lambda one: one.error_series, 0.01), role)
        case "p95":
            value = latency(arm.p95_ms)
            note = f"p50 {latency(arm.p50_ms)}" if arm.p50_ms is not None else ""
            curve = sparkline(arm.p95_series, 1.15 * _top(s, lambda one: one.p95_series, 0.0), role)
        case _:
            value = arm.output or UNKNOWN
    number = tag("span", {"class": "nr-value"}, value)
    words = tag("span", {"class": "nr-note"}, note) if note else None
    return tag("td", None, tag("div", {"class": "nr-cell"}, number, " ", words, curve))


def _top(s: Snapshot, series: Callable[[ArmView], Sequence[float | None]], floor: float) -> float:
    return max([floor, *(value for arm in s.arms for value in series(arm) if value is not None)])


def _verdict(s: Snapshot, verdict: Verdict | None, span: int) -> Markup:
    if verdict is None:
        return tag("td")
    more, proof = "", odds(verdict.log_evidence)
    if not has_ended(s) and verdict.outcome is Outcome.UNSURE and verdict.more_requests:
        rate = sum(arm.requests_per_second or 0.0 for arm in s.arms)
        more = f"about {plural(verdict.more_requests, 'more request')}"
        more += f", {duration(verdict.more_requests / rate)}" if rate > 0 else ""
    proven = tag("span", {"class": "nr-proof"}, f"Evidence {proof}") if proof else None
    because = tag("span", {"class": "nr-because"}, verdict.because, " ", proven)
    return tag(
        "td",
        {
            "class": "nr-verdict",
            "data-outcome": verdict.outcome.value,
            "title": verdict.limit or None,
            "colspan": span if span > 1 else None,
        },
        tag("b", None, VERDICT_WORDS[verdict.outcome]),
        " ",
        tag("span", {"class": "nr-more"}, more) if more else None,
        " ",
        because if verdict.because or proof else None,
    )


def drift(s: Snapshot) -> Markup | None:
    """One cell a column, and the worst one by name."""
    if not s.drift:
        return None
    if not s.drift_rows:
        label, none = (
            tag("span", {"class": "nr-label"}, "drift"),
            tag("span", {"class": "nr-worst"}, "no rows yet"),
        )
        return tag("div", {"class": "nr-line nr-drift"}, label, " ", none)
    alarms = sum(column.alarm for column in s.drift)
    worst = max(s.drift, key=lambda column: (column.alarm, column.psi))
    words = f"PSI {fixed(worst.psi, 2)}{_since(s, worst)}" if alarms else f"PSI {fixed(worst.psi, 2)} at most"
    words += f", and {plural(alarms - 1, 'other column')}" if alarms > 1 else ""
    cells = [_cell(s, column) for column in s.drift]
    named = tag(
        "span", {"class": f"nr-worst{' nr-alarm' if alarms else ''}"}, tag("b", None, worst.name), f" {words}"
    )
    strip = tag(
        "div",
        {"class": "nr-strip"},
        tag("span", {"class": "nr-cells", "aria-hidden": "true"}, cells),
        " ",
        named,
    )
    return tag("div", {"class": "nr-line nr-drift"}, tag("span", {"class": "nr-label"}, "drift"), " ", strip)


def _cell(s: Snapshot, column: ColumnView) -> Markup:
    numbers = f"PSI {fixed(column.psi, 2)}, evidence 10^{fixed(column.evidence, 1)}"
    return tag(
        "i",
        {
            "data-alarm": "" if column.alarm else None,
            "data-level": min(4, math.floor(4 * column.psi / s.psi_limit)) if s.psi_limit > 0 else 4,
            "title": f"{column.name}: {numbers}{_since(s, column)}",
        },
    )


def _since(s: Snapshot, column: ColumnView) -> str:
    return f", since {clock(column.since, s.now)}" if column.alarm and column.since is not None else ""
