"""make_snapshot: what control knows of one release becomes the value that views draw."""

from __future__ import annotations

from dataclasses import replace
from math import log

from noren_bento.control.controller import Controller
from noren_bento.control.sampler import Sampler
from noren_bento.control.snapshot import ArmView, ColumnView, EventView, Snapshot
from noren_bento.control.stages import stages_of
from noren_bento.drift.report import ColumnDrift
from noren_bento.home import Home
from noren_bento.profile.profile import Counts
from noren_bento.profile.window import Layout, Window
from noren_bento.release import event as ev
from noren_bento.release.check import Outcome
from noren_bento.release.desired import by_model
from noren_bento.release.event import Event
from noren_bento.release.evidence import ArmCounts
from noren_bento.release.release import Release, State, champion_of, release_to_roll_back
from noren_bento.release.route import route_of, share_of
from noren_bento.release.words import counted
from noren_bento.settings import Settings

_LN10 = log(10)
SERIES = 60
"""Points of a sparkline: two minutes."""
LINES = 8
"""Events that are told."""


def make_snapshot(controller: Controller, id_or_name: str, *, settings: Settings, now: float) -> Snapshot:
    """Return one release at this moment; raises NotFoundError."""
    release = controller.journal.release(id_or_name)
    events = controller.journal.store.events(release.id)
    observed = controller.observed.get(release.id)
    decision = controller.decisions.get(release.id)
    fresh = release.active and observed is not None
    in_canary = release.state is State.CANARY and release.champion is not None
    shown = _most_traffic(controller, release)
    sampler = controller.watch.samplers.get(shown or "")
    # What drifts has to do with this release when its candidate has been under traffic.
    drift = _drift(sampler, settings.psi_limit) if release.epoch else ()
    return Snapshot(
        release=release.id,
        name=release.name,
        state=str(release.state),
        now=now,
        opened_at=release.opened_at,
        candidate=release.candidate,
        champion=release.champion,
        url=f"{Home(settings).url}/{release.name}/predict",
        step=release.step_index + 1 if in_canary else 0,
        steps=len(release.plan.steps),
        weight=release.weight,
        step_seconds=now - release.step_at if in_canary else 0.0,
        stages=stages_of(events, now),
        arms=_arms(controller, release) if release.epoch else (),
        verdicts=observed.verdicts if fresh and observed is not None else release.verdicts,
        drift=drift,
        drift_rows=sampler.ring.rows if sampler is not None else 0,
        psi_limit=settings.psi_limit,
        next=decision.because if release.active and decision is not None else "",
        because=release.because,
        not_released=_not_released(release, events),
        actions=_actions(release) if _is_current(controller, release) else (),
        report=release.report,
        events=_story(events),
    )


def _story(events: tuple[Event, ...]) -> tuple[EventView, ...]:
    """What is worth telling, newest first: neither judgements between steps nor that a deploy takes itself back."""
    told: list[EventView] = []
    for event in events:
        repeats = isinstance(event.body, ev.Requested) and (
            event.body.asker == "deploy" or _gate_closed(events)
        )
        if not repeats and not isinstance(event.body, ev.Judged):
            told.append(EventView(event.at, event.who, event.kind, event.why))
    return tuple(told[: -LINES - 1 : -1])


def _gate_closed(events: tuple[Event, ...]) -> bool:
    return any(isinstance(e.body, ev.Validated) and e.body.outcome is not Outcome.PASS for e in events)


def _not_released(release: Release, events: tuple[Event, ...]) -> str:
    if release.state is not State.ROLLED_BACK or any(isinstance(one.body, ev.Started) for one in events):
        return ""
    return (
        f"gate closed ({counted(release.checks)})" if _gate_closed(events) else "taken back before its start"
    )


def _actions(release: Release) -> tuple[str, ...]:
    if release.requested:
        return ()
    if release.state is State.CANARY and release.champion:
        return ("promote", "roll back", "resume" if release.paused else "pause")
    if release.state is State.PROMOTED or release.active:
        return ("roll back",)
    return ()


def _is_current(controller: Controller, release: Release) -> bool:
    """Whether something can still be asked of it; a release that was replaced is history."""
    mine = controller.journal.releases(release.name)
    return release.id in (mine[-1].id, release_to_roll_back(mine).id)


def _most_traffic(controller: Controller, release: Release) -> str | None:
    if release.state is State.CANARY and release.champion is not None:
        return release.candidate if release.weight > 50 else release.champion
    return champion_of(by_model(controller.journal.releases())[release.name])


def _arms(controller: Controller, release: Release) -> tuple[ArmView, ...]:
    route = route_of(controller.journal.releases(release.name))
    evidence = controller.evidence_of(release)
    arms = []
    if release.champion is not None:
        share = share_of(route, release.champion)
        arms.append(_arm(controller, release.champion, share, evidence.champion))
    arms.append(_arm(controller, release.candidate, share_of(route, release.candidate), evidence.candidate))
    return tuple(arms)


def _arm(controller: Controller, version: str, share: int, counts: ArmCounts) -> ArmView:
    instance = controller.plane.instances.get(version)
    sampler = controller.watch.samplers.get(version)
    rate = counts.failed / counts.requests if counts.requests else None
    view = ArmView(
        version=version,
        share=share,
        requests=counts.requests,
        failed=counts.failed,
        harmed=counts.harmed,
        error_rate=rate,
        ready=instance is not None and instance.ready,
    )
    return view if sampler is None else _with_series(view, sampler)


def _with_series(view: ArmView, sampler: Sampler) -> ArmView:
    recent = sampler.recent()
    points = list(sampler.points)[-SERIES:]
    seconds = sum(point.seconds for point in points[-5:])
    requests = sum(point.window.requests for point in points[-5:])
    return replace(
        view,
        p50_ms=recent.latency_quantile_ms(0.5),
        p95_ms=recent.latency_quantile_ms(0.95),
        requests_per_second=requests / seconds if seconds else None,
        output=describe_output(sampler.layout, recent),
        error_series=tuple(
            point.window.model_errors / point.window.requests if point.window.requests else None
            for point in points
        ),
        p95_series=tuple(point.window.latency_quantile_ms(0.95) for point in points),
    )


def describe_output(layout: Layout, window: Window) -> str:
    """Say what a version answers: the share of its most frequent reference class, or the median of its values."""
    if not layout.profile.outputs:
        return ""
    column = layout.profile.outputs[0]
    counts: Counts = window.output(column.name)
    total = int(counts.sum())
    if not total:
        return ""
    if column.kind == "categorical" and column.categories:
        return f"{100 * counts[0] / total:.0f} % {column.categories[0]}"
    half = int((counts.cumsum() * 2 >= total).argmax())
    return f"median in {column.labels[half]}"


def _drift(sampler: Sampler | None, psi_limit: float) -> tuple[ColumnView, ...]:
    if sampler is None:
        return ()
    report = sampler.drift(psi_limit)
    return tuple(_column(column) for column in (*report.columns, *report.outputs))


def _column(column: ColumnDrift) -> ColumnView:
    return ColumnView(column.name, column.psi, column.log_evidence / _LN10, column.alarm, column.since)
