"""Limit: what a measured value must meet, and the one function that turns value and limit into a Verdict. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import cast

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome, Verdict

Scalar = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Limit:
    """What a measured value must meet: bounds, both included, or one value that it must equal.

    >>> Limit(at_least=0.9).text
    'at least 0.9'
    """

    at_least: float | None = None
    at_most: float | None = None
    equals: Scalar | None = None

    @property
    def text(self) -> str:
        """The limit in words."""
        return self.words(show)

    def words(self, write: Callable[[object], str]) -> str:
        """The limit in words, its numbers written by this function."""
        if self.equals is not None:
            return f"equals {write(self.equals)}"
        if self.at_least is not None and self.at_most is not None:
            return f"between {write(self.at_least)} and {write(self.at_most)}"
        return (
            f"at most {write(self.at_most)}" if self.at_least is None else f"at least {write(self.at_least)}"
        )

    def meets(self, value: Scalar) -> bool:
        """Whether a value meets the limit; NaN meets none."""
        if self.equals is not None:
            return value == self.equals and isinstance(value, str) == isinstance(self.equals, str)
        number = float(value)
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= number <= high


def make_limit(
    name: str,
    *,
    at_least: object = None,
    at_most: object = None,
    between: object = None,
    equals: object = None,
) -> Limit:
    """Make the Limit of one check from exactly one of the four ways to state it; anything else raises NorenError.

    >>> make_limit("recall", between=(0.8, 1)).text
    'between 0.8 and 1'
    >>> make_limit("recall")
    Traceback (most recent call last):
    noren_bento.errors.NorenError: check 'recall' has no limit. Give one of at_least=, at_most=, between=(low, high) \
or equals=.
    """
    given = [key for key, value in _ways(at_least, at_most, between, equals).items() if value is not None]
    if not given:
        raise NorenError(
            f"check {name!r} has no limit. Give one of at_least=, at_most=, between=(low, high) or equals=."
        )
    if len(given) > 1:
        raise NorenError(
            f"check {name!r} has two limits ({', '.join(given)}). Give one; for a range write between=(low, high)."
        )
    if equals is not None:
        value = plain(name, equals)
        if isinstance(value, float) and math.isnan(value):
            raise NorenError(f"check {name!r}: nothing equals nan. Check math.isnan(value) with equals=True.")
        return Limit(equals=value)
    if between is None:
        return Limit(at_least=_bound(name, at_least), at_most=_bound(name, at_most))
    if not isinstance(between, tuple | list) or len(between) != 2:
        raise NorenError(f"check {name!r}: between takes (low, high), got {between!r}.")
    low, high = (_bound(name, bound) for bound in between)
    if low is None or high is None or low > high:
        raise NorenError(f"check {name!r}: between takes (low, high) with low <= high, got {between!r}.")
    return Limit(at_least=low, at_most=high)


def judge(name: str, value: Scalar | None, *, limit: Limit, because: str = "") -> Verdict:
    """Judge one measured value. No value is unsure: not measured is not passed. NaN fails.

    >>> judge("recall", 0.91, limit=Limit(at_least=0.9)).because
    '0.91 is at least 0.9'
    >>> judge("recall", 0.85, limit=Limit(at_least=0.9), because="on 1,200 rows").because
    '0.85 is not at least 0.9: on 1,200 rows'
    >>> judge("share", 0.99999, limit=Limit(equals=1.0)).because  # rounded, it would read as what it is not
    '0.99999, not 1.0'
    """
    reason = f": {because}" if because else ""
    if value is None:
        return Verdict(name, Outcome.UNSURE, limit=limit.text, because=f"not measured{reason}")
    passed = limit.meets(value)
    return Verdict(
        name,
        Outcome.PASS if passed else Outcome.FAIL,
        value=None if isinstance(value, str) else float(value),
        limit=limit.text,
        because=f"{_compare(value, limit, passed=passed)}{reason}",
    )


def _compare(value: Scalar, limit: Limit, *, passed: bool) -> str:
    if passed:
        return (
            f"{show(value)}, as it must be" if limit.equals is not None else f"{show(value)} is {limit.text}"
        )
    # Four digits may round a value to the limit that it misses; then all of them are written.
    bounds = [bound for bound in (limit.at_least, limit.at_most, limit.equals) if bound is not None]
    write = repr if show(value) in map(show, bounds) else show
    if limit.equals is not None:
        return f"{write(value)}, not {write(limit.equals)}"
    return f"{write(value)} is not {limit.words(write)}"


def plain(name: str, value: object) -> Scalar | None:
    """Return a measured value as a plain Python scalar; numpy's are taken, anything else raises NorenError."""
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()  # numpy and pandas scalars, and arrays of one
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Real):
        return float(value)
    raise NorenError(
        f"check {name!r} needs one number (or a text with equals=), got {type(value).__name__}. "
        "Pass the number that the limit is about, such as float(score)."
    )


def show(value: object) -> str:
    """Write a number as people read it: at most four significant digits, thousands with commas.

    >>> show(0.95714), show(1234567), show(2), show("onnx"), show(float("nan"))
    ('0.9571', '1,234,567', '2', "'onnx'", 'nan')
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return repr(value)
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    if number == int(number) or abs(number) >= 1_000:
        return f"{round(number):,}"
    return f"{number:.4g}"


def _ways(at_least: object, at_most: object, between: object, equals: object) -> dict[str, object]:
    return {"at_least": at_least, "at_most": at_most, "between": between, "equals": equals}


def _bound(name: str, value: object) -> float | None:
    if value is None:
        return None
    number = plain(name, value)
    if isinstance(number, str) or math.isnan(cast(float, number)):
        raise NorenError(f"check {name!r}: a bound is a number, got {value!r}.")
    return cast(float, number)
