"""Event: the only thing that is ever written. What happened, who, when, why, and the numbers behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from noren_bento.release.check import Outcome, Verdict
from noren_bento.release.evidence import ArmCounts, Evidence
from noren_bento.release.plan import Plan

Action = Literal["start", "promote", "roll back", "pause", "resume"]
Asker = Literal["person", "deploy"]
ACTIONS: tuple[Action, ...] = ("start", "promote", "roll back", "pause", "resume")


@dataclass(frozen=True, slots=True)
class Caller:
    """The process that tags, builds and validates; control closes the release when it dies before the start."""

    pid: int
    created: float
    """The process's start time in Unix seconds, because pids are used again."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where evidence had been read to, so that a control process that was killed goes on without a gap."""

    envoy: str
    """Identity of the running Envoy; its counters restart with it."""
    log_offset: int
    """Bytes of Envoy's access log that are folded into the evidence."""
    champion: ArmCounts = field(default_factory=ArmCounts)
    """What of Envoy's counters for the epoch's champion cluster is in the evidence: requests and refused."""
    candidate: ArmCounts = field(default_factory=ArmCounts)


@dataclass(frozen=True, slots=True)
class Opened:
    """A release begins: this candidate is meant to replace this champion (none at the first release)."""

    candidate: str
    champion: str | None
    digest: str
    """The candidate's content digest; gate and approval name it."""
    plan: Plan
    caller: Caller


@dataclass(frozen=True, slots=True)
class Built:
    """The candidate's bento is ready to serve."""

    bento: str
    """BentoML tag, `name:version`."""
    path: str
    """The bento's folder."""
    runtime: str
    """What answers: `exact`, `onnx`, `arrays` or `sklearn`."""
    because: str
    """Why this runtime, in one sentence."""
    digest: str = ""
    """SHA-256 (hex) of the bento's files: nothing else is ever started for this version."""
    speedup: float | None = None
    """How many times faster one row is answered than by the original."""


@dataclass(frozen=True, slots=True)
class Rebuilt(Built):
    """A released version whose bento was lost is served from another build of it, which a person has accepted.

    The model is the same, and each worker proves its answers as before; packages or Noren may be newer, and no notebook
    has seen it.
    """


@dataclass(frozen=True, slots=True)
class Validated:
    """The validation notebooks ran against the built bento."""

    outcome: Outcome
    digest: str
    """Content digest of the model that the notebooks really loaded."""
    checks: tuple[Verdict, ...]
    report: str
    """Path of the HTML report."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A person approved what has this digest; void for any other."""

    digest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Requested:
    """A person asks; only the control loop acts. A deploy that cannot go on asks to be taken back."""

    action: Action
    note: str = ""
    """The reason, where one was given."""
    asker: Asker = "person"


@dataclass(frozen=True, slots=True)
class Started:
    """The candidate gets its first share of traffic."""

    epoch: int
    weight: int
    cursor: Cursor
    deadline_seconds: float = 1.0
    """Time that one try may take, the same on both arms: max(1, 10 × the champion's p99)."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """The candidate's share changed."""

    epoch: int
    weight: int
    evidence: Evidence
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts changed, or a minute passed: cumulative counts per epoch, from which they can be recomputed."""

    verdicts: tuple[Verdict, ...]
    evidence: Evidence
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Promoted:
    """The candidate is the champion now."""

    epoch: int
    evidence: Evidence = field(default_factory=Evidence)
    deadline_seconds: float = 1.0
    """As in Started, for the time after."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The candidate gets no traffic any more; the champion before it has all."""

    epoch: int
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True)
class Alerted:
    """Something that a person should look at, such as drift in named columns."""

    about: str
    columns: tuple[str, ...] = ()


Body = (
    Opened
    | Built
    | Rebuilt
    | Validated
    | Approved
    | Requested
    | Started
    | Stepped
    | Judged
    | Promoted
    | RolledBack
    | Alerted
)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log. `release` and `seq` together are unique: that is the compare in append-with-compare."""

    release: str
    """`name@k`: the k-th release of a registered model."""
    seq: int
    """0 for Opened, then rising by one."""
    at: float
    """Unix seconds."""
    who: str
    """The person, or `noren` for the control loop."""
    why: str
    """One sentence for people."""
    body: Body

    @property
    def kind(self) -> str:
        """What happened, in the glossary's word.

        >>> from noren_bento.release.event import Event, RolledBack
        >>> Event("churn@1", 4, 0.0, "noren", "3 failures", RolledBack(epoch=2)).kind
        'rolled back'
        """
        return kind_of(type(self.body))


def kind_of(body: type[Body]) -> str:
    """Return the word for a kind of event.

    >>> kind_of(RolledBack)
    'rolled back'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", " ", body.__name__).lower()
