"""One snapshot for each thing that a release view must show well."""

from __future__ import annotations

import math
from dataclasses import replace

from noren_bento.control.snapshot import ArmView, ColumnView, EventView, Snapshot, StageView
from noren_bento.release.check import Outcome, Verdict

NOW = 1_795_442_520.0  # fixed, so that pictures can be compared
COLUMNS = (
    "mean radius", "mean texture", "mean perimeter", "mean area", "mean smoothness", "mean compactness",
    "mean concavity", "mean concave points", "mean symmetry", "mean fractal dimension", "radius error",
    "texture error", "perimeter error", "area error", "smoothness error", "compactness error", "worst radius",
    "worst texture", "worst perimeter", "worst area", "prediction", "probability",
)  # fmt: skip


def _wave(level: float, swing: float, phase: float, points: int = 60) -> tuple[float, ...]:
    return tuple(level + swing * math.sin(k / 3.1 + phase) * math.cos(k / 7.7) for k in range(points))


def _stages(running: str | None = None, failed: str | None = None) -> tuple[StageView, ...]:
    seconds = {"tag": 0.8, "build": 2.4, "validate": 14.2, "start": 3.1, "canary": 240.0, "promote": 0.2}
    details = {
        "tag": "churn/3",
        "build": "ONNX Runtime",
        "validate": "8 of 8 checks",
        "start": "10 % of the traffic",
    }
    stop, views, status = failed or running, [], "done"
    for name, took in seconds.items():
        if name == stop:
            status = "failed" if failed else "running"
        views.append(
            StageView(
                name,
                status,
                took if status != "waiting" and name != "canary" else None,
                details.get(name, "") if status != "waiting" else "",
            )
        )
        if name == stop:
            status = "waiting"
    return tuple(views)


def _drift(odd: dict[str, float] | None = None) -> tuple[ColumnView, ...]:
    odd = odd or {}
    return tuple(
        ColumnView(
            name,
            odd.get(name, 0.004 + 0.013 * ((7 * k) % 5)),
            9.4 if name in odd else -1.2,
            alarm=name in odd,
            since=NOW - 1260 if name in odd else None,
        )
        for k, name in enumerate(COLUMNS)
    )


EVENTS = (
    EventView(NOW - 240, "noren", "started", "10 % of the requests go to churn/3"),
    EventView(NOW - 245, "ada", "approved", "fairness notebook read, fine"),
    EventView(NOW - 250, "noren", "validated", "8 of 8 checks passed"),
    EventView(NOW - 265, "ada", "built", "ONNX, 41× faster than the original"),
    EventView(NOW - 268, "ada", "opened", "to replace churn/2"),
)

BUILDING = Snapshot(
    release="churn@3",
    name="churn",
    state="built",
    now=NOW,
    opened_at=NOW - 11,
    candidate="churn/3",
    champion="churn/2",
    url="http://127.0.0.1:8620/churn/predict",
    stages=_stages(running="validate"),
    next="canary at 10 % when all checks pass, in about 8 s",
    actions=("roll back",),
    events=EVENTS[-2:],
)

CHAMPION = ArmView(
    "churn/2", 90, 3410, 4, 0, 4 / 3410, 2.2, 4.1, 14.2, "63 % benign",
    tuple(0.0 if k % 17 else 0.004 for k in range(60)), _wave(4.1, 0.35, 0.0), ready=True,
)  # fmt: skip
CANDIDATE = ArmView(
    "churn/3", 10, 379, 0, 0, 0.0, 2.3, 4.3, 1.6, "64 % benign",
    (None,) * 14 + (0.0,) * 46, (None,) * 14 + _wave(4.3, 0.5, 1.0, 46), ready=True,
)  # fmt: skip

CANARY = replace(
    BUILDING,
    state="canary",
    opened_at=NOW - 268,
    step=1,
    steps=2,
    weight=10,
    step_seconds=240.0,
    stages=_stages(running="canary"),
    arms=(CHAMPION, CANDIDATE),
    verdicts=(
        Verdict(
            "errors",
            Outcome.UNSURE,
            0.0,
            "below 1 %, or below twice the champion's",
            "No failure in 379 requests of churn/3, 4 in 3,410 of churn/2.",
            1.9,
            240,
        ),
        Verdict("p95", Outcome.PASS, 1.05, "at most 1.2×", "1.05× (0.98–1.12) the champion's.", 5.2),
        Verdict("outputs", Outcome.PASS, 0.01, "", "64 % against 63 % benign.", 3.3),
    ),
    drift=_drift(),
    drift_rows=3789,
    next="50 % when errors and p95 are safe",
    because="10 % of the requests go to churn/3.",
    actions=("promote", "roll back", "pause"),
    report="/home/ada/.noren/validations/churn/3/report.html",
    events=EVENTS,
)

FAILING = replace(
    CANARY,
    now=NOW + 60,
    step_seconds=34.0,
    arms=(
        CHAMPION,
        replace(
            CANDIDATE,
            requests=35,
            failed=4,
            error_rate=4 / 35,
            p95_ms=912.0,
            error_series=(None,) * 44
            + (0.0,) * 6
            + (0.02, 0.05, 0.09, 0.1, 0.1, 0.12, 0.12, 0.11, 0.12, 0.114),
            p95_series=(None,) * 44 + tuple(4.0 * 1.4**k for k in range(16)),
        ),
    ),
    verdicts=(
        Verdict(
            "errors",
            Outcome.FAIL,
            4 / 35,
            "below 1 %, or below twice the champion's",
            "4 of 35 requests failed on churn/3, 4 of 3,410 on churn/2.",
            6.8,
        ),
        Verdict("p95", Outcome.UNSURE, None, "at most 1.2×", "35 requests are too few.", 0.4, 900),
    ),
    next="rolls back now",
    because="4 of 35 requests failed on churn/3, 4 of 3,410 on churn/2.",
)

ROLLED_BACK = replace(
    FAILING,
    state="rolled back",
    step=0,
    weight=0,
    stages=_stages(failed="canary"),
    arms=(replace(CHAMPION, share=100), replace(FAILING.arms[1], share=0, requests_per_second=0.0)),
    next="",
    because="4 of 35 requests failed on churn/3, 4 of 3,410 on churn/2: rolled back after 34 s.",
    actions=(),
    events=(
        EventView(NOW + 60, "noren", "rolled back", "errors regressed: 4 of 35 requests failed"),
        *EVENTS,
    ),
)

PROMOTED = replace(
    CANARY,
    state="promoted",
    now=NOW + 900,
    step=0,
    weight=100,
    stages=_stages(),
    arms=(
        replace(CHAMPION, share=0, requests=8810, requests_per_second=0.0),
        replace(CANDIDATE, share=100, requests=4210, requests_per_second=15.7, failed=1, error_rate=1 / 4210),
    ),
    verdicts=(
        Verdict("errors", Outcome.PASS, 0.0, "below 1 %", "1 of 4,210 requests failed on churn/3.", 5.9),
        Verdict("p95", Outcome.PASS, 1.05, "at most 1.2×", "1.05× (0.98–1.12) the champion's.", 5.2),
    ),
    next="",
    because="Errors and p95 are safe at 50 %: churn/3 is the champion.",
    actions=("roll back",),
    events=(
        EventView(NOW + 890, "noren", "promoted", "errors and p95 are safe"),
        EventView(NOW + 300, "noren", "stepped", "to 50 %: errors and p95 are safe"),
        *EVENTS,
    ),
)

DRIFTING = replace(
    PROMOTED,
    now=NOW + 7200,
    drift=tuple(
        replace(one, since=one.since and NOW + 6600)
        for one in _drift({"mean area": 0.31, "worst area": 0.22})
    ),
    drift_rows=48_210,
    because="Errors and p95 are safe at 50 %: churn/3 is the champion.",
    next="look at mean area: a new batch of images, or a new model",
    events=(EventView(NOW + 7000, "noren", "alerted", "drift in mean area and worst area"), *PROMOTED.events),
)

FIRST = replace(
    CANARY,
    release="churn@1",
    candidate="churn/1",
    champion=None,
    step=0,
    steps=2,
    weight=100,
    step_seconds=4.0,
    arms=(replace(CANDIDATE, version="churn/1", share=100, ready=False, requests=0, error_rate=None, p95_ms=None,
                  p50_ms=None, output="", error_series=(), p95_series=(), requests_per_second=None),),
    verdicts=(Verdict("replay", Outcome.PASS, 0.0, "at most 1 % failed", "400 reference rows answered, none failed."),),
    drift=(),
    drift_rows=0,
    events=EVENTS[-2:],
    next="100 % when the replay passed",
)  # fmt: skip

INVALID = replace(
    BUILDING,
    stages=(
        *_stages(failed="validate")[:2],
        StageView("validate", "failed", 14.2, "7 of 8 checks"),
        *_stages(failed="validate")[3:],
    ),
    because="performance: balanced accuracy is 0.81, at least 0.9 is asked for.",
    next="",
    report="http://127.0.0.1:8621/reports/churn/3",
)

TAGGING = Snapshot(
    release="",
    name="churn",
    state="",
    now=NOW,
    opened_at=NOW - 3.4,
    candidate="",
    champion=None,
    url="",
    stages=(
        StageView("tag", "running", 3.4, "measuring what it costs"),
        *(StageView(name, "waiting") for name in ("build", "validate", "start", "canary", "promote")),
    ),
)

UNFITTED = replace(
    TAGGING,
    stages=(StageView("tag", "failed", 0.2),),
    because="The model is not fitted: LogisticRegression has no coef_ yet.",
    not_released="tag failed",
)

GATE_CLOSED = replace(
    INVALID,
    state="rolled back",
    stages=(
        *_stages(failed="validate")[:2],
        StageView("validate", "failed", 14.2, "6 of 8 checks"),
    ),
    because="the gate is closed: 6 of 8 checks passed; accuracy: 0.81 is below 0.9; bias: 0.4 is above 0.2",
    not_released="gate closed (6 of 8 checks)",
    actions=(),
    report="/home/ada/.noren/validations/churn/3/report.html",
    events=(
        EventView(
            NOW,
            "noren",
            "rolled back",
            "the gate is closed: 6 of 8 checks passed; accuracy: 0.81 is below 0.9",
        ),
        *EVENTS[-2:],
    ),
)

SILENT = replace(
    CANARY,
    stages=(
        *_stages(running="canary")[:4],
        StageView("canary", "running", 12.0),
        StageView("promote", "waiting"),
    ),
    arms=tuple(
        ArmView(arm.version, arm.share, requests_per_second=0.0, ready=True, error_series=(None,) * 60)
        for arm in (CHAMPION, CANDIDATE)
    ),
    verdicts=(
        Verdict(
            "errors", Outcome.UNSURE, because="No request has reached the candidate yet.", more_requests=3122
        ),
        Verdict("refusals", Outcome.UNSURE, because="No requests yet."),
    ),
    drift=tuple(replace(one, psi=0.0) for one in _drift()),
    drift_rows=0,
    next="50 % when errors and refusals are safe (about 3,122 more requests)",
)

FIRST_PROMOTED = replace(
    FIRST,
    state="promoted",
    stages=_stages(),
    arms=(replace(CANDIDATE, version="churn/1", share=100, requests=812),),
    because="first release: 0 of 400 reference rows failed",
    next="",
    actions=("roll back",),
)

TAKEN_BACK = replace(
    PROMOTED,
    state="rolled back",
    now=NOW + 1200,
    stages=(*_stages(), StageView("rolled back", "failed")),
    arms=(replace(CHAMPION, share=100), replace(CANDIDATE, share=0, requests_per_second=0.0)),
    because="ada asked for it: the nurses call",
    actions=(),
    events=(
        EventView(NOW + 1100, "ada", "rolled back", "ada asked for it: the nurses call"),
        *PROMOTED.events,
    ),
)

HOSTILE = replace(
    CANARY,
    name="<img src=x onerror=alert(1)>",
    because="</style><script>alert(2)</script>",
    next='"><script>alert(3)</script>',
    report="javascript:alert(4)",
    drift=(ColumnView("' onmouseover='alert(5)", 0.5, 9.0, alarm=True, since=NOW),),
    events=(EventView(NOW, "<b>eve</b>", "<i>opened</i>", "<svg onload=alert(6)>"),),
)

SNAPSHOTS = {
    "tagging": TAGGING,
    "unfitted": UNFITTED,
    "building": BUILDING,
    "invalid": INVALID,
    "gate closed": GATE_CLOSED,
    "first": FIRST,
    "first promoted": FIRST_PROMOTED,
    "silent": SILENT,
    "canary": CANARY,
    "failing": FAILING,
    "rolled back": ROLLED_BACK,
    "promoted": PROMOTED,
    "drifting": DRIFTING,
    "taken back": TAKEN_BACK,
}
