"""Snapshot: all that a view of one release shows, as one value. Made by control, drawn by the views."""

from __future__ import annotations

from dataclasses import dataclass, field

from noren_bento.release.check import Verdict


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of the ring, as the line of steps shows it."""

    name: str
    """tag, build, validate, start, canary, promote."""
    status: str
    """waiting, running, done, failed."""
    seconds: float | None = None
    detail: str = ""
    """A few words, such as `ONNX Runtime` or `8 of 8 checks`."""


@dataclass(frozen=True, slots=True)
class ArmView:
    """One version under traffic. Series are the last minutes, oldest first, one point a tick (2 s)."""

    version: str
    share: int
    """Share of traffic in percent."""
    requests: int = 0
    failed: int = 0
    harmed: int = 0
    error_rate: float | None = None
    """Share of the requests that failed, 0 to 1; None without requests."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    requests_per_second: float | None = None
    output: str = ""
    """What it answers, in words, such as `63 % benign`."""
    error_series: tuple[float | None, ...] = ()
    p95_series: tuple[float | None, ...] = ()
    ready: bool = False


@dataclass(frozen=True, slots=True)
class ColumnView:
    """Drift of one input column or output of the version that has the most traffic."""

    name: str
    psi: float
    evidence: float
    """log10 of the e-value; the alarm needs `evidence_limit` and `psi_limit` both."""
    alarm: bool
    since: float | None = None
    """Unix seconds of the start of the most surprising stretch."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of the story."""

    at: float
    who: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One release at one moment."""

    release: str
    name: str
    state: str
    """opened, built, validated, canary, promoted, rolled back; empty while a deploy has opened no release yet."""
    now: float
    opened_at: float
    candidate: str
    """Empty while a deploy has tagged no version yet."""
    champion: str | None
    url: str
    """Where users send requests."""
    step: int = 0
    """1-based step of the plan; 0 outside the canary."""
    steps: int = 0
    weight: int = 0
    step_seconds: float = 0.0
    stages: tuple[StageView, ...] = ()
    arms: tuple[ArmView, ...] = ()
    """Champion first, then the candidate; none before the candidate has started."""
    verdicts: tuple[Verdict, ...] = ()
    drift: tuple[ColumnView, ...] = ()
    drift_rows: int = 0
    psi_limit: float = 0.1
    evidence_limit: float = 6.0
    """log10."""
    next: str = ""
    """What happens next and when, one sentence."""
    because: str = ""
    not_released: str = ""
    """How it ended before it had any traffic, such as `gate closed (13 of 15 checks)`; empty for all else."""
    actions: tuple[str, ...] = ()
    """What a person can ask for now: promote, roll back, pause, resume."""
    report: str = ""
    events: tuple[EventView, ...] = field(default=())
    """Newest first, at most eight."""
