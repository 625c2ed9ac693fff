"""Evidence: what Envoy saw of both arms, in counts per epoch, from which every guardrail can be recomputed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """Requests for which one arm was *chosen*, whoever answered them in the end."""

    requests: int = 0
    failed: int = 0
    """The first attempt failed or never reached its own version: 5xx, reset, deadline."""
    harmed: int = 0
    """The user saw a failure: no attempt was answered below 500."""
    refused: int = 0
    """Answered with 4xx: the caller's fault, unless one arm refuses what the other takes."""

    def __add__(self, other: ArmCounts) -> ArmCounts:
        return ArmCounts(
            self.requests + other.requests,
            self.failed + other.failed,
            self.harmed + other.harmed,
            self.refused + other.refused,
        )

    def __sub__(self, other: ArmCounts) -> ArmCounts:
        return ArmCounts(
            self.requests - other.requests,
            self.failed - other.failed,
            self.harmed - other.harmed,
            self.refused - other.refused,
        )


@dataclass(frozen=True, slots=True)
class EpochCounts:
    """Both arms during one epoch, that is under one weight."""

    epoch: int
    weight: int
    """The candidate's share in percent during this epoch."""
    champion: ArmCounts = field(default_factory=ArmCounts)
    candidate: ArmCounts = field(default_factory=ArmCounts)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All epochs of a release, oldest first.

    >>> evidence = Evidence().add(1, 10, candidate=ArmCounts(5, 1, 0)).add(1, 10, candidate=ArmCounts(3))
    >>> evidence.candidate
    ArmCounts(requests=8, failed=1, harmed=0, refused=0)
    """

    epochs: tuple[EpochCounts, ...] = ()

    @property
    def champion(self) -> ArmCounts:
        """The champion's counts over all epochs."""
        return sum((epoch.champion for epoch in self.epochs), ArmCounts())

    @property
    def candidate(self) -> ArmCounts:
        """The candidate's counts over all epochs."""
        return sum((epoch.candidate for epoch in self.epochs), ArmCounts())

    def at(self, epoch: int) -> EpochCounts:
        """The counts of one epoch; zeros where it has none yet."""
        return next((counts for counts in self.epochs if counts.epoch == epoch), EpochCounts(epoch, 0))

    def add(
        self,
        epoch: int,
        weight: int,
        *,
        champion: ArmCounts | None = None,
        candidate: ArmCounts | None = None,
    ) -> Evidence:
        """Return the evidence with these counts added to one epoch."""
        known = {counts.epoch: counts for counts in self.epochs}
        old = known.get(epoch, EpochCounts(epoch, weight))
        known[epoch] = replace(
            old,
            champion=old.champion + (champion or ArmCounts()),
            candidate=old.candidate + (candidate or ArmCounts()),
        )
        return Evidence(tuple(known[key] for key in sorted(known)))

    def at_least_failures(self) -> Evidence:
        """Return the evidence with no arm showing more failures than requests, as counters that lag would."""

        def raised(counts: ArmCounts) -> ArmCounts:
            return replace(counts, requests=max(counts.requests, counts.failed))

        return Evidence(
            tuple(
                replace(epoch, champion=raised(epoch.champion), candidate=raised(epoch.candidate))
                for epoch in self.epochs
            )
        )
