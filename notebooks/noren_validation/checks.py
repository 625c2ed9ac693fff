"""check and declare: how a validation notebook reports what it measured."""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping
from typing import Any

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome, Verdict
from noren_validation import bundle
from noren_validation.bundle import Measurement
from noren_validation.limit import judge, make_limit, plain

_MARKS = {Outcome.PASS: ("✓", "#00735c"), Outcome.UNSURE: ("?", "#6e6e6e"), Outcome.FAIL: ("✗", "#b3261e")}


def check(
    name: str,
    value: object,
    *,
    at_least: object = None,
    at_most: object = None,
    between: object = None,
    equals: object = None,
    because: str = "",
) -> Verdict:
    """Judge one measured value against its limit, show the verdict, and report it to the gate.

    A failed check does not raise: the notebook goes on, so that the report shows all of them, and the gate stays
    closed. `value` is a number (or a text with `equals`); None says that it could not be measured, which is unsure
    and closes the gate too. `because` is added to the verdict's sentence, such as what was measured on which rows.
    Outside a kernel it only returns.

    Give exactly one limit. `at_least`, `at_most` and `between=(low, high)` include their bounds. `equals` takes a
    number, a text or a bool that the value must be equal to; floats exactly, so round a computed one first, or say
    `between`.

    Raises NorenError when the name is empty, when there is no limit or more than one, or when the value is not one
    number.

    >>> check("recall", 0.93, at_least=0.9, because="on 1,200 test rows").because
    '0.93 is at least 0.9: on 1,200 test rows'
    >>> check("answers", 1200, equals=1200).because
    '1,200, as it must be'
    >>> check("p99 latency", None, at_most=100).outcome
    <Outcome.UNSURE: 'unsure'>
    """
    _require_name(name)
    limit = make_limit(name, at_least=at_least, at_most=at_most, between=between, equals=equals)
    number = plain(name, value)
    if isinstance(number, str) and limit.equals is None:
        raise NorenError(f"check {name!r}: a text can only be compared with equals=, got {number!r}.")
    verdict = judge(name, number, limit=limit, because=because)
    report = bundle.write_measurement(Measurement(name, number, limit, because))
    _publish(bundle.VERDICT_MIME, report, _text(verdict), _line(verdict))
    return verdict


def declare(*names: str) -> tuple[str, ...]:
    """Say, in the notebook's first cell, which checks it will report: one that stays silent closes the gate.

    >>> declare("score", "p99 latency")
    ('score', 'p99 latency')
    """
    for name in names:
        _require_name(name)
    if not names or len(set(names)) < len(names):
        raise NorenError(
            f"declare needs each check's name once, got {', '.join(map(repr, names)) or 'none'}."
        )
    text = f"{len(names)} checks: {', '.join(names)}"
    _publish(bundle.DECLARED_MIME, bundle.write_declared(names), text, html.escape(text))
    return names


def prove_digest(version: str, digest: str) -> None:
    """Tell the gate which model this notebook really loaded; `Subject` calls it for you."""
    text = f"Tested: {version}, digest {digest[:12]}"
    _publish(bundle.DIGEST_MIME, bundle.write_digest(version, digest), text, html.escape(text))


def _publish(mime: str, payload: Mapping[str, Any], text: str, markup: str) -> None:
    """Display one bundle where there is a kernel; looks IPython up instead of importing it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return
    # The kernel imported IPython long ago: this finds it and loads nothing.
    sys.modules["IPython"].display.publish_display_data(
        {mime: payload, "text/plain": text, "text/html": markup}
    )


def _text(verdict: Verdict) -> str:
    return f"{_MARKS[verdict.outcome][0]} {verdict.check}: {verdict.because}"


def _line(verdict: Verdict) -> str:
    mark, colour = _MARKS[verdict.outcome]
    return (
        f'<div style="border-left:3px solid {colour};padding:.3em .8em;margin:.2em 0">'
        f'<b style="color:{colour}">{mark} {verdict.outcome}</b> &nbsp; <b>{html.escape(verdict.check)}</b> '
        f"&nbsp; {html.escape(verdict.because)}</div>"
    )


def _require_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise NorenError(f"A check's name is a text of 1 to 100 characters, got {name!r:.120}.")
