"""Controller: the loop's body. Look at the world, ask decide, write the event, make the world follow the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from noren_bento.control.data_plane import DataPlane
from noren_bento.control.evidence_reader import EvidenceReader
from noren_bento.control.journal import Journal, is_alive
from noren_bento.control.replay import Replays
from noren_bento.control.watch import Watch
from noren_bento.errors import NorenError, UnreachableError
from noren_bento.guardrails.errors import judge_errors
from noren_bento.guardrails.refusals import judge_refusals
from noren_bento.guardrails.replay import judge_replay
from noren_bento.release import event as ev
from noren_bento.release.check import Verdict
from noren_bento.release.decide import Decision, Observation, Promote, RollBack, Start, StepUp, decide
from noren_bento.release.desired import desired_versions
from noren_bento.release.event import Cursor
from noren_bento.release.evidence import Evidence
from noren_bento.release.plan import Plan
from noren_bento.release.release import Release, State, champion_of
from noren_bento.release.words import reasons

log = logging.getLogger("noren.control")

LOOP = "noren"
"""Who the loop is in the event log."""
JUDGED_SECONDS = 60.0
JUDGED_BYTES = 1_000_000
"""So much of the access log is read again at each turn at most; then evidence is written down."""
# The shares of Plan.alpha add up to 1: together the guardrails roll an equal candidate back that seldom.
GUARDRAILS: tuple[tuple[Callable[[Evidence, Plan], Verdict], float], ...] = (
    (judge_errors, 0.8),
    (judge_refusals, 0.2),
)


class Controller:
    """Advances every release of one home. Only its own thread calls `tick`; what it learned others may read."""

    def __init__(
        self,
        journal: Journal,
        *,
        plane: DataPlane,
        reader: EvidenceReader,
        watch: Watch,
        clock: Callable[[], float],
        on_champion: Callable[[str, str | None], None] = lambda name, version: None,
    ) -> None:
        self.journal = journal
        self.plane = plane
        self.watch = watch
        self._reader = reader
        self._clock = clock
        self._on_champion = on_champion
        self._replays = Replays()
        self.observed: dict[str, Observation] = {}
        self.decisions: dict[str, Decision] = {}
        self._troubles: dict[str, str] = {}

    @property
    def troubles(self) -> dict[str, str]:
        """What the loop could not do at its last turn, by step, version or release."""
        torn = {"access log": f"{self._reader.damaged} torn lines left out"} if self._reader.damaged else {}
        return {**self.plane.troubles, **self.watch.troubles, **self._troubles, **torn}

    def tick(self) -> None:
        """One turn of the loop."""
        now = self._clock()
        self.plane.follow(self.journal.releases(), now)
        self._look_for_drift(now)
        for release in self.journal.releases():
            if release.active or release.requested:
                self._advance_or_say(release, now)

    def close(self) -> None:
        """Begin nothing more."""
        self._replays.close()

    def _advance_or_say(self, release: Release, now: float) -> None:
        """One release that cannot be advanced must not keep the others from it."""
        try:
            self._advance(release, now)
            self._troubles.pop(release.id, None)
        except (NorenError, OSError) as error:
            log.warning("%s: %s", release.id, error)
            self._troubles[release.id] = str(error)

    def _advance(self, release: Release, now: float) -> None:
        try:
            observed, cursor = self._observe(release)
        except UnreachableError as error:
            # Without Envoy nothing is known of the traffic; what a person asked for is done all the same.
            self._troubles[release.id] = str(error)
            observed, cursor = Observation(evidence=release.evidence, caller_alive=True), release.cursor
        decision = decide(release, observed, now)
        self.observed[release.id], self.decisions[release.id] = observed, decision
        body = self._body(release, decision, observed, cursor)
        if cursor is not None and self._must_judge(release, observed, cursor, now, acts=body is not None):
            judged = ev.Judged(observed.verdicts, observed.evidence, cursor)
            self.journal.append(release.id, judged, who=LOOP, why=reasons(observed.verdicts))
        if body is not None:
            self._act(release, decision, body, now)

    def _act(self, release: Release, decision: Decision, body: ev.Body, now: float) -> None:
        """Write it down first; the world follows, now or after whatever kills this process."""
        who = decision.asked_by if isinstance(decision, Promote | RollBack) else ""
        self.journal.append(release.id, body, who=who or LOOP, why=decision.because)
        if isinstance(body, ev.Started):
            self.watch.restart(release.candidate)
        self.plane.follow_routes(self.journal.releases(), now)
        if isinstance(body, ev.Promoted | ev.RolledBack):
            self._on_champion(release.name, champion_of(self.journal.releases(release.name)))

    def _must_judge(
        self, release: Release, observed: Observation, cursor: Cursor, now: float, *, acts: bool
    ) -> bool:
        if release.state is not State.CANARY or not observed.verdicts:
            return False
        changed = [v.outcome for v in observed.verdicts] != [v.outcome for v in release.verdicts]
        read = cursor.log_offset - (release.cursor.log_offset if release.cursor else 0)
        return acts or changed or now - release.judged_at >= JUDGED_SECONDS or read >= JUDGED_BYTES

    def _body(
        self, release: Release, decision: Decision, observed: Observation, cursor: Cursor | None
    ) -> ev.Body | None:
        epoch = release.epoch + 1
        match decision:
            case Start(weight=weight):
                deadline = self._deadline(release, self.watch.p99_ms(release.champion))
                return ev.Started(epoch, weight, self._reader.begin(), deadline)
            case StepUp(weight=weight):
                assert cursor is not None
                return ev.Stepped(epoch, weight, observed.evidence, Cursor(cursor.envoy, cursor.log_offset))
            case Promote():
                p99 = observed.replay_p99_ms or self.watch.p99_ms(release.candidate)
                return ev.Promoted(epoch, observed.evidence, self._deadline(release, p99))
            case RollBack():
                return ev.RolledBack(epoch if release.epoch else 0, observed.evidence)
        return None

    def _deadline(self, release: Release, p99_ms: float | None) -> float:
        """Seconds per try: max(1, 10 × p99), never lower than the model has had."""
        before = [one.deadline_seconds for one in self.journal.releases(release.name)]
        return max(1.0, 10 * (p99_ms or 0.0) / 1000, *before)

    def _observe(self, release: Release) -> tuple[Observation, Cursor | None]:
        instance = self.plane.instances.get(release.candidate)
        observed = Observation(
            verdicts=release.verdicts,
            evidence=release.evidence,
            caller_alive=is_alive(release.caller),
            candidate_ready=instance is not None and instance.ready,
            problem=instance.problem if instance is not None else "",
        )
        if release.state is not State.CANARY:
            return observed, release.cursor
        if release.champion is None:
            return self._observe_replay(release, observed), release.cursor
        evidence, cursor = self._reader.read(release, self.plane.routes[release.name])
        verdicts = tuple(
            guardrail(evidence, replace(release.plan, alpha=share * release.plan.alpha))
            for guardrail, share in GUARDRAILS
        )
        return replace(observed, verdicts=verdicts, evidence=evidence), cursor

    def _observe_replay(self, release: Release, observed: Observation) -> Observation:
        instance = self.plane.instances.get(release.candidate)
        replayed = self._replays.result(release, instance.upstream) if instance and instance.ready else None
        if replayed is None:
            return replace(observed, verdicts=())
        counts = replayed.counts
        return replace(
            observed,
            verdicts=(judge_replay(counts.requests, counts.failed, release.plan),),
            evidence=Evidence().add(release.epoch, 0, candidate=counts),
            replay_p99_ms=replayed.p99_ms,
        )

    def _look_for_drift(self, now: float) -> None:
        wanted = desired_versions(self.journal.releases(), now)
        bentos = {
            v: Path(wanted[v].path) for v, one in self.plane.instances.items() if one.ready and v in wanted
        }
        for drift in self.watch.look(bentos, now):
            mine = [r for r in self.journal.releases() if r.candidate == drift.version and r.epoch]
            if mine:
                self.journal.append(mine[-1].id, ev.Alerted("drift", drift.columns), who=LOOP, why=drift.why)

    def evidence_of(self, release: Release) -> Evidence:
        """The freshest evidence of a release."""
        observed = self.observed.get(release.id)
        return observed.evidence if observed is not None and release.active else release.evidence
