"""The card's tables of metrics: on test and training data, of each class and target, with intervals. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from noren_bento.tagging.card.parts import Part, Table
from noren_bento.tagging.card.words import number, visible
from noren_bento.tagging.metrics.metrics import TRAINING

Intervals = Mapping[str, tuple[float, float]]
MOST_ROWS = 100
HEADLINES = (
    "balanced_accuracy",
    "roc_auc",
    "r2",
    "mae",
    "rmse",
    "accuracy",
    "f1_macro",
    "log_loss",
    "silhouette",
)
"""What a short card shows first, of those that there are."""


def metric_tables(
    metrics: Mapping[str, float], intervals: Intervals, *, rows: int, labels: Mapping[str, str]
) -> tuple[Part, ...]:
    """Return the table of the main metrics on `rows` test rows, and one of each class or target where there are such.

    `labels` says what these are called, by their name in metrics (`class0`).
    """
    names = [name for name in metrics if "/" not in name and not name.startswith(TRAINING)]
    lines = tuple(
        (visible(name), number(metrics[name]), interval_of(name, intervals), _training(name, metrics))
        for name in names
    )
    main = Table(
        f"On {rows:,} test rows", ("metric", "test", "95 % interval", "training"), lines, numeric=(1, 2, 3)
    )
    return (main, *_by_label(metrics, intervals, labels))


def headlines(metrics: Mapping[str, float], most: int = 4) -> tuple[str, ...]:
    """Return the names of the metrics that say most, the first first.

    >>> headlines({"rmse": 2.0, "r2": 0.8, "r2/price": 0.8})
    ('r2', 'rmse')
    """
    plain = [name for name in metrics if "/" not in name and not name.startswith(TRAINING)]
    known = [name for name in HEADLINES if name in plain]
    return tuple((known + [name for name in plain if name not in known])[:most])


def interval_of(name: str, intervals: Intervals) -> str:
    """Return the ends of a metric's interval, empty where it has none."""
    if name not in intervals:
        return ""
    low, high = intervals[name]
    return f"{number(low)} to {number(high)}"


def _training(name: str, metrics: Mapping[str, float]) -> str:
    return number(metrics[f"{TRAINING}{name}"]) if f"{TRAINING}{name}" in metrics else ""


def _by_label(
    metrics: Mapping[str, float], intervals: Intervals, told: Mapping[str, str]
) -> tuple[Table, ...]:
    split = [(*name.split("/", 1), name) for name in metrics if "/" in name]
    kinds = tuple(dict.fromkeys(kind for kind, _, _ in split))
    labels = tuple(dict.fromkeys(label for _, label, _ in split))
    if not labels:
        return ()
    of_classes = "recall" in kinds
    rows = tuple(
        (visible(told.get(label, label)), *(_cell(f"{kind}/{label}", metrics, intervals) for kind in kinds))
        for label in labels[:MOST_ROWS]
    )
    heads = ("rows" if kind == "support" else kind for kind in kinds)
    return (
        Table(
            "Of each class" if of_classes else "Of each target",
            ("class" if of_classes else "target", *heads),
            rows,
            numeric=tuple(range(1, 1 + len(kinds))),
            note=f"{len(labels) - MOST_ROWS:,} more are in metrics.json." if len(labels) > MOST_ROWS else "",
        ),
    )


def _cell(name: str, metrics: Mapping[str, float], intervals: Intervals) -> str:
    if name not in metrics:
        return ""
    ends = interval_of(name, intervals)
    return number(metrics[name]) + (f" ({ends})" if ends else "")
