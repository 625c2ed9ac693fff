"""Controller: the loop's body. Read what the edges see, ask decide, write the event, make the world follow the log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from noren_bento.control.evidence_reader import EvidenceReader
from noren_bento.control.replay import replay
from noren_bento.control.sampler import Sampler
from noren_bento.errors import ConflictError, NorenError, NotFoundError, UnreachableError
from noren_bento.guardrails.errors import judge_errors
from noren_bento.guardrails.replay import judge_replay
from noren_bento.profile.profile import profile_from_json
from noren_bento.release import event as ev
from noren_bento.release.check import Verdict
from noren_bento.release.decide import (
    Decision,
    Hold,
    Observation,
    Promote,
    RollBack,
    Start,
    StepUp,
    decide,
)
from noren_bento.release.desired import by_model, desired_versions
from noren_bento.release.event import Caller, Cursor, Event
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.release import Release, State, apply, champion_of, fold, refuse
from noren_bento.release.route import Route, route_of
from noren_bento.serving.manifest import PROFILE
from noren_bento.serving.predictor import MODEL_FOLDER, read_replay
from noren_bento.settings import Settings
from noren_bento.stores.events import EventStore, fold_all
from noren_bento.targets.local import Instance, LocalTarget
from noren_bento.traffic.envoy import Envoy

log = logging.getLogger("noren.control")

LOOP = "noren"
"""Who the loop is in the event log."""
JUDGED_SECONDS = 60.0
GUARDRAILS = (judge_errors,)


class Controller:
    """All releases of one home. Methods may be called from several threads; one lock keeps them in order."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: EventStore,
        target: LocalTarget,
        envoy: Envoy,
        clock: Callable[[], float] = time.time,
        on_champion: Callable[[str, str | None], None] = lambda name, version: None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.target = target
        self.envoy = envoy
        self._clock = clock
        self._on_champion = on_champion
        self.lock = threading.RLock()
        self._reader = EvidenceReader(envoy)
        self._releases: dict[str, Release] = {release.id: release for release in fold_all(store.events())}
        self.samplers: dict[str, Sampler] = {}
        self.observed: dict[str, Observation] = {}
        self.decisions: dict[str, Decision] = {}
        self.instances: Mapping[str, Instance] = {}
        self._routes: dict[str, Route] = {}
        self._replaced: dict[str, tuple[Route, float]] = {}
        self._deadlines: dict[tuple[str, int], float] = {}
        self._applied: object = None
        self.troubles: dict[str, str] = {}
        """What the loop could not do, by version or `loop`; `noren status` shows it."""
        self._alerted: dict[str, tuple[str, ...]] = {}

    # ---- what callers ask for -------------------------------------------------------------------------------

    def releases(self) -> tuple[Release, ...]:
        """All releases, in the order in which they were opened."""
        with self.lock:
            return tuple(self._releases.values())

    def release(self, id_or_name: str) -> Release:
        """Return a release by its id, or a model's latest one by its name; raise NotFoundError."""
        with self.lock:
            if id_or_name in self._releases:
                return self._releases[id_or_name]
            mine = [release for release in self._releases.values() if release.name == id_or_name]
            if not mine:
                known = ", ".join(sorted({release.name for release in self._releases.values()})) or "none yet"
                raise NotFoundError(f"Nothing was released as {id_or_name!r}. Released models: {known}.")
            return mine[-1]

    def open(self, opened: ev.Opened, *, who: str, why: str) -> Release:
        """Begin a release, or return the one that this candidate already has."""
        with self.lock:
            name = opened.candidate.rpartition("/")[0]
            mine = [release for release in self._releases.values() if release.name == name]
            for release in mine:
                if release.active and release.candidate == opened.candidate:
                    return release
                if release.active:
                    raise ConflictError(
                        f"{name}: a release is running already: {release.candidate} is {release.state} "
                        f"({release.because}). Promote it or roll it back first: %promote {name} or %rollback {name}."
                    )
            if mine and champion_of(mine) == opened.candidate:
                return next(release for release in reversed(mine) if release.candidate == opened.candidate)
            opened = ev.Opened(
                candidate=opened.candidate,
                champion=champion_of(mine),
                digest=opened.digest,
                plan=opened.plan,
                caller=opened.caller,
            )
            event = Event(f"{name}@{len(mine) + 1}", 0, self._clock(), who, why, opened)
            self.store.append(event)
            self._releases[event.release] = fold([event])
            return self._releases[event.release]

    def append(self, release_id: str, body: ev.Body, *, who: str, why: str) -> Event:
        """Append one event where the release's state allows it; raise NorenError where not."""
        with self.lock:
            release = self.release(release_id)
            self._require_latest(release, body)
            if isinstance(body, ev.Approved) and who == release.who:
                raise NorenError(f"{who} deployed {release.candidate}; another person has to approve it.")
            if reason := refuse(release, body):
                raise ConflictError(f"That cannot be done now: {reason}.")
            event = Event(release.id, release.seq + 1, self._clock(), who, why, body)
            after = apply(release, event)
            self.store.append(event)
            self._releases[release.id] = after
            log.info("%s %s %s: %s", event.release, event.seq, event.kind, event.why)
            return event

    def _require_latest(self, release: Release, body: ev.Body) -> None:
        latest = self.release(release.name)
        if isinstance(body, ev.Requested) and latest.id != release.id:
            raise ConflictError(
                f"{release.id} is history; the latest release of {release.name} is {latest.id}."
            )

    # ---- the loop -------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """One turn of the loop."""
        with self.lock:
            now = self._clock()
            self.reconcile(now)
            self._sample(now)
            for release in self.releases():
                if release.active or release.requested:
                    self._advance_or_say(release, now)

    def _advance_or_say(self, release: Release, now: float) -> None:
        """One release that cannot be advanced must not keep the others from it."""
        try:
            self._advance(release, now)
        except NorenError as error:
            log.warning("%s: %s", release.id, error)
            self.troubles[release.id] = str(error)
        else:
            self.troubles.pop(release.id, None)

    def _advance(self, release: Release, now: float) -> None:
        try:
            observed, cursor = self._observe(release)
        except UnreachableError as error:
            if release.requested != "roll back":
                self.decisions[release.id] = Hold(str(error))
                return
            observed, cursor = Observation(evidence=release.evidence), release.cursor
        decision = decide(release, observed, now)
        self.observed[release.id], self.decisions[release.id] = observed, decision
        body = self._body(release, decision, observed, cursor)
        if cursor is not None and self._must_judge(release, observed, now, acts=body is not None):
            why = "; ".join(verdict.because for verdict in observed.verdicts)
            self.append(
                release.id, ev.Judged(observed.verdicts, observed.evidence, cursor), who=LOOP, why=why
            )
        if body is not None:
            who = decision.asked_by if isinstance(decision, Promote | RollBack) else ""
            self.append(release.id, body, who=who or LOOP, why=decision.because)
            if isinstance(body, ev.Started):
                # What the validation sent before is no traffic of users.
                self.samplers.pop(release.candidate, None)
            self.reconcile(now)
            if isinstance(body, ev.Promoted | ev.RolledBack):
                history = by_model(self.releases())[release.name]
                self._on_champion(release.name, champion_of(history))

    def _must_judge(self, release: Release, observed: Observation, now: float, *, acts: bool) -> bool:
        if release.state is not State.CANARY or release.champion is None or not observed.verdicts:
            return False
        changed = acts or [v.outcome for v in observed.verdicts] != [v.outcome for v in release.verdicts]
        return changed or now - release.judged_at >= JUDGED_SECONDS

    def _body(
        self, release: Release, decision: Decision, observed: Observation, cursor: Cursor | None
    ) -> ev.Body | None:
        epoch = release.epoch + 1
        match decision:
            case Start(weight=weight):
                return ev.Started(epoch, weight, self._reader.begin())
            case StepUp(weight=weight):
                assert cursor is not None
                begun = Cursor(cursor.envoy, cursor.log_offset)
                return ev.Stepped(epoch, weight, observed.evidence, begun)
            case Promote():
                return ev.Promoted(epoch, observed.evidence)
            case RollBack():
                return ev.RolledBack(epoch if release.epoch else 0, observed.evidence)
        return None

    def _observe(self, release: Release) -> tuple[Observation, Cursor | None]:
        instance = self.instances.get(release.candidate)
        evidence, cursor, verdicts = release.evidence, release.cursor, release.verdicts
        if release.state is State.CANARY and release.champion is None:
            evidence, verdicts = self._replay(release, instance)
        elif release.state is State.CANARY:
            evidence, cursor = self._reader.read(release, self._routes[release.name])
            verdicts = tuple(guardrail(evidence, release.plan) for guardrail in GUARDRAILS)
        observed = Observation(
            verdicts=verdicts,
            evidence=evidence,
            caller_alive=_is_alive(release.caller),
            candidate_ready=instance is not None and instance.ready,
            problem=instance.problem if instance is not None else "",
        )
        return observed, cursor

    def _replay(self, release: Release, instance: Instance | None) -> tuple[Evidence, tuple[Verdict, ...]]:
        if instance is None or not instance.ready:
            return release.evidence, ()
        rows = read_replay(Path(release.bento_path) / MODEL_FOLDER)
        counts = replay(rows, instance.upstream, deadline_seconds=5.0)
        evidence = Evidence().add(release.epoch, 0, candidate=counts)
        return evidence, (judge_replay(counts.requests, counts.failed, release.plan),)

    # ---- making the world follow the log --------------------------------------------------------------------

    def reconcile(self, now: float) -> None:
        """Start and end services, and give Envoy its routes, as the releases say."""
        wanted = desired_versions(self.releases(), now)
        self.instances = self.target.instances()
        for version, path in wanted.items():
            if version not in self.instances:
                self.target.ensure(version, Path(path))
        for version in self.instances:
            if version not in wanted:
                self.target.retire(version)
                self.samplers.pop(version, None)
        self.target.sweep()
        if set(wanted) != set(self.instances):
            self.instances = self.target.instances()
        self._apply_routes(now)

    def _apply_routes(self, now: float) -> None:
        routes = {}
        for name, history in by_model(self.releases()).items():
            if (route := route_of(history)) is not None:
                routes[name] = route
        for name, route in routes.items():
            old = self._routes.get(name)
            if old is not None and old != route:
                self._replaced[name] = (old, now)
        self._routes = routes
        draining = [
            route for route, since in self._replaced.values() if now - since < 2 * self._deadline_of(route)
        ]
        upstreams = {version: instance.upstream for version, instance in self.instances.items()}
        deadlines = {name: self._deadline_of(route) for name, route in routes.items()}
        applied = (routes, upstreams, deadlines, draining)
        if applied != self._applied:
            self.envoy.apply(routes.values(), upstreams, deadlines=deadlines, draining=draining)
            self._applied = applied

    def _deadline_of(self, route: Route) -> float:
        """Seconds per try: max(1, 10 × the champion's p99), fixed for an epoch so that routes are not rewritten."""
        key = (route.release, route.epoch)
        if key not in self._deadlines:
            sampler = self.samplers.get(route.champion or "")
            p99 = sampler.recent().latency_quantile_ms(0.99) if sampler is not None else None
            self._deadlines[key] = max(1.0, 10 * (p99 or 0.0) / 1000)
        return self._deadlines[key]

    def _sample(self, now: float) -> None:
        for version in self.instances:
            try:
                sampler = self._sampler_of(version)
                if sampler.sample(self.target.counts(version, sampler.layout), now):
                    self._alert(version, sampler)
                self.troubles.pop(version, None)
            except NorenError as error:
                # One version's damaged files must not stop the watch over the others.
                self.troubles[version] = str(error)

    def _sampler_of(self, version: str) -> Sampler:
        if version not in self.samplers:
            folder = self._bento_of(version) / MODEL_FOLDER
            self.samplers[version] = Sampler(version, profile_from_json((folder / PROFILE).read_bytes()))
        return self.samplers[version]

    def _alert(self, version: str, sampler: Sampler) -> None:
        report = sampler.drift(self.settings.psi_limit)
        before = self._alerted.get(version, ())
        new = tuple(name for name in report.alarms if name not in before)
        release = next((r for r in reversed(self.releases()) if r.candidate == version and r.epoch), None)
        if new and release is not None:
            self._alerted[version] = before + new
            worst = max((c for c in (*report.columns, *report.outputs) if c.name in new), key=lambda c: c.psi)
            why = f"{version} drifts: {', '.join(new)} (largest PSI {worst.psi:.2f}, {worst.name})"
            self.append(release.id, ev.Alerted("drift", new), who=LOOP, why=why)

    def _bento_of(self, version: str) -> Path:
        return next(
            Path(r.bento_path) for r in reversed(self.releases()) if r.candidate == version and r.bento_path
        )

    # ---- what views ask for ---------------------------------------------------------------------------------

    def evidence_of(self, release: Release) -> Evidence:
        """The freshest evidence of a release."""
        observed = self.observed.get(release.id)
        return observed.evidence if observed is not None and release.active else release.evidence

    def counts_of(self, release: Release, arm: str) -> ArmCounts:
        """The freshest counts of one arm."""
        evidence = self.evidence_of(release)
        return evidence.candidate if arm == "candidate" else evidence.champion


def _is_alive(caller: Caller) -> bool:
    try:
        # A second of tolerance: the two readings of a start time may round differently.
        return bool(abs(psutil.Process(caller.pid).create_time() - caller.created) < 1.0)
    except psutil.NoSuchProcess:
        return False
