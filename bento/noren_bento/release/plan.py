"""Plan: how a candidate is given traffic, and what it must prove for more."""

from __future__ import annotations

from dataclasses import dataclass

from noren_bento.errors import NorenError

HOLD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """One share of traffic, held until the evidence is there."""

    weight: int
    """Share of the candidate in percent, 1 to 99."""
    hold_seconds: float = HOLD_SECONDS
    """Shortest time at this share, so that what only shows with time can show."""
    min_requests: int = 100
    """Fewest requests that the candidate must have been chosen for at this share."""

    def __post_init__(self) -> None:
        if not 0 <= self.hold_seconds < float("inf"):
            raise NorenError(
                f"A step is held for 0 seconds or longer; got {self.hold_seconds:g}. For example --hold 30."
            )
        if self.min_requests < 1:
            raise NorenError(f"A step needs at least 1 request of the candidate; got {self.min_requests}.")


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps of canary weight and the limits that guard them.

    >>> [step.weight for step in Plan().steps]
    [10, 50]
    """

    steps: tuple[Step, ...] = (Step(10), Step(50))
    alpha: float = 0.01
    """Chance that an equal candidate is ever rolled back, over the whole release and however often one looks."""
    alpha_promote: float = 0.05
    """Chance that a candidate at the tolerated limit is called safe."""
    max_error_ratio: float = 2.0
    """Largest ratio of error rates (candidate to champion) that still counts as safe."""
    max_error_rate: float = 0.01
    """Failure rate below which a candidate is safe whatever the champion does."""
    approval: bool = False
    """Whether a person other than the one who deploys must approve before traffic."""

    @classmethod
    def parse(cls, steps: str, *, hold_seconds: float = HOLD_SECONDS, approval: bool = False) -> Plan:
        """Make a plan from weights as people write them.

        >>> [step.weight for step in Plan.parse("5,25,50").steps]
        [5, 25, 50]
        """
        try:
            weights = [int(weight) for weight in steps.split(",")]
        except ValueError:
            raise NorenError(f"A plan's steps are percentages such as 10,50; got {steps!r}.") from None
        return cls(tuple(Step(weight, hold_seconds) for weight in weights), approval=approval)

    def __post_init__(self) -> None:
        weights = [step.weight for step in self.steps]
        if not weights or any(not 1 <= weight <= 99 for weight in weights) or sorted(set(weights)) != weights:
            raise NorenError(
                f"A plan's steps are rising weights from 1 to 99 percent; got {weights}. For example --steps 10,50."
            )
        for name in ("alpha", "alpha_promote", "max_error_rate"):
            if not 0 < getattr(self, name) < 1:
                raise NorenError(f"Plan.{name} is a share between 0 and 1; got {getattr(self, name)}.")
        if not self.max_error_ratio > 1:
            raise NorenError(f"Plan.max_error_ratio is above 1; got {self.max_error_ratio}.")
