"""Facts of a version for tests of its card, made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from noren_bento.profile.build import build_profile
from noren_bento.release.version import Column, ModelVersion, Signature
from noren_bento.tagging.card.card import CardFacts
from noren_bento.tagging.cost import Cost, Limit, Timing
from noren_bento.tagging.dataset import Dataset
from noren_bento.tagging.description import Description
from noren_bento.tagging.lineage.commit import Commit
from noren_bento.tagging.lineage.lineage import Lineage
from noren_bento.tagging.lineage.machine import Machine

COLUMNS = (
    Column("age", "number", "float64", missing=True),
    Column("job", "text", "str"),
    Column("level", "text", "category", categories=("low", "high")),
    Column("member", "boolean", "bool"),
    Column("since", "datetime", "datetime64[us]"),
)
LINEAGE = Lineage(
    at=1_790_000_000.0,
    who="ana",
    who_says="operating system",
    machine=Machine("A processor", 4, 8_000_000_000, "Linux x86_64", "Debian 12", "CPython 3.11.7"),
    libraries={"noren": "0.1.0", "scikit-learn": "1.9.1"},
    train=Dataset(1_200, "a" * 64, {"age": "float64"}, {"y": "str"}),
    test=Dataset(400, "b" * 64, {"age": "float64"}, {"y": "str"}),
    notebook="churn.ipynb",
    cells=12,
    commit=Commit("c" * 40, "main", dirty=True, remote="https://example.com/churn.git"),
    seconds={"measure": 1.25},
)

TIMING = Timing(
    one_row_ms=1.2345, p99_ms=2.5, calls=99, rows=900, rows_per_second=123_456.0, peak_bytes=210_000_000
)
LIMITS = (
    Limit("max_bytes", 718_000, 500_000_000, met=True),
    Limit("p99_ms", 2.5, 100.0, met=True),
    Limit("rows_per_second", 123_456.0, 1_000.0, met=True),
    Limit("max_memory", 210_000_000, 1_000_000_000, met=True),
)
COST = Cost(718_000, TIMING, LIMITS)
SLOW = Cost(718_000, TIMING, (LIMITS[0], Limit("p99_ms", 2.5, 1.0, met=False)), ("Use fewer trees.",))
"""Cost that misses a requirement."""


def facts_of(
    *, columns: tuple[Column, ...] = COLUMNS, labels: tuple[str, ...] = ("no", "yes"), **more: Any
) -> CardFacts:
    """Facts of churn/3: a classifier of five columns, named as `columns` are."""
    random = np.random.default_rng(0)
    rows = 200
    values = (
        np.where(random.random(rows) < 0.1, np.nan, random.uniform(18, 80, rows)),
        random.choice(["clerk", "cook", None], rows, p=[0.6, 0.3, 0.1]).astype(object),
        random.choice(["low", "high"], rows).astype(object),
        random.random(rows) < 0.25,
        np.datetime64("2026-01-01") + np.arange(rows) * np.timedelta64(1, "D"),
    )
    names = [column.name for column in columns]
    profile = build_profile(
        dict(zip(names, values, strict=True)),
        {"prediction": random.choice(np.array(labels, dtype=object), rows)},
    )
    signature = Signature(columns, "classification", classes=labels, probabilities=True)
    parts = ("StandardScaler", "LogisticRegression")
    recalls = {"recall/no": 0.9, "recall/yes": 0.8, "support/no": 390.0, "support/yes": 10.0}
    facts = CardFacts(
        version=ModelVersion("churn", 3, "d" * 64, signature),
        serialisation="skops",
        model_bytes=718_000,
        description=Description("sklearn.pipeline.Pipeline", parts, {"C": "0.5"}, {}),
        profile=profile,
        metrics={"accuracy": 0.91234, "training_accuracy": 0.93, "roc_auc": 0.97, **recalls},
        intervals={"accuracy": (0.88, 0.94), "recall/yes": (0.44, 0.97)},
        lineage=LINEAGE,
        example=(dict.fromkeys(names, 1),),
        cost=COST,
    )
    return replace(facts, **more)


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil\u0000\u0007`|**b**|\n# h\n```",
    "[x](javascript:alert(1)) <!-- & &lt;b&gt; \\",
    "{{7*7}}\ud800'%3Cb%3E" + "w" * 500,
)
