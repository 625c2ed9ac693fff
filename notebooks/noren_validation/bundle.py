"""What a notebook says to the gate: three MIME bundles in its outputs, written and read here and nowhere else. Pure.

A verdict bundle carries the measured value and the limit. The gate judges again from these two and does not
believe the outcome that stands beside them. FORMAT rises when a field's meaning changes; the reader refuses other
formats, so that an old notebook is run again instead of misread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noren_bento.errors import NorenError
from noren_validation.limit import Limit, Scalar

VERDICT_MIME = "application/vnd.noren.verdict+json"
DECLARED_MIME = "application/vnd.noren.declared+json"
DIGEST_MIME = "application/vnd.noren.digest+json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One check's measured value with its limit, as the notebook reported it."""

    check: str
    value: Scalar | None
    limit: Limit
    because: str


def write_measurement(measurement: Measurement) -> dict[str, Any]:
    """Return the JSON of a verdict bundle; NaN and infinities travel as text, since JSON has none."""
    limit = measurement.limit
    return {
        "format": FORMAT,
        "check": measurement.check,
        "value": _outward(measurement.value),
        "at_least": _outward(limit.at_least),
        "at_most": _outward(limit.at_most),
        "equals": _outward(limit.equals),
        "because": measurement.because,
    }


def read_measurement(payload: object) -> Measurement:
    """Read a verdict bundle; NorenError when it is not one.

    >>> one = Measurement("recall", float("inf"), Limit(at_least=0.9), "")
    >>> read_measurement(write_measurement(one)) == one
    True
    """
    fields = _require(payload, "check")
    limit = Limit(*(_inward(fields.get(key)) for key in ("at_least", "at_most", "equals")))
    bounds = (limit.at_least, limit.at_most)
    if limit == Limit() or any(isinstance(bound, str) for bound in bounds):
        raise NorenError(f"the verdict of check {fields['check']!r} has no limit")
    value = _inward(fields.get("value"))
    if isinstance(value, str) and limit.equals is None:
        raise NorenError(f"the verdict of check {fields['check']!r} has the text {value!r} for a number")
    return Measurement(str(fields["check"]), value, limit, str(fields.get("because", "")))


def write_declared(checks: Sequence[str]) -> dict[str, Any]:
    """Return the JSON of a declaration bundle."""
    return {"format": FORMAT, "checks": list(checks)}


def read_declared(payload: object) -> tuple[str, ...]:
    """Read a declaration bundle; NorenError when it is not one."""
    checks = _require(payload, "checks")["checks"]
    if not isinstance(checks, list) or not all(isinstance(check, str) for check in checks):
        raise NorenError("a declaration is not a list of check names")
    return tuple(checks)


def write_digest(version: str, digest: str) -> dict[str, Any]:
    """Return the JSON of a digest bundle: which model the notebook really loaded."""
    return {"format": FORMAT, "version": version, "digest": digest}


def read_digest(payload: object) -> str:
    """Read a digest bundle; NorenError when it is not one."""
    return str(_require(payload, "digest")["digest"])


def _require(payload: object, key: str) -> Mapping[str, Any]:
    if not isinstance(payload, Mapping) or payload.get("format") != FORMAT or key not in payload:
        raise NorenError(f"a report of the notebook is not in format {FORMAT}: {str(payload)[:120]}")
    return payload


def _outward(value: Scalar | None) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _inward(value: object) -> Any:
    if isinstance(value, Mapping):
        try:
            return float(str(value.get("float")))
        except ValueError:
            raise NorenError(f"{value!r:.80} is not a number") from None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise NorenError(f"{value!r:.80} is neither a number nor a text")
