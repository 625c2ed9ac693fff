"""The metrics page: the summed counts as Prometheus text, so that drift over any fleet is a sum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noren_bento.profile.profile import ColumnProfile, Counts
from noren_bento.profile.window import LATENCY_EDGES_MS, TOTALS, Layout

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HELP = {
    "requests": "Prediction requests, errors included.",
    "rows": "Rows that were predicted.",
    "client_errors": "Requests answered with 4xx.",
    "model_errors": "Requests on which the model raised or answered what is no prediction.",
}


def render_metrics(layout: Layout, counts: Counts, *, model: str, digest: str, peak_bytes: int) -> str:
    """Write the counts of one version, and the most memory that one worker has had, in Prometheus's text format."""
    labels = _labels(model=model)
    lines = [
        *_render(layout, counts, labels, digest),
        "# HELP noren_worker_peak_memory_bytes Most resident memory that one worker has had, ended workers included.",
        "# TYPE noren_worker_peak_memory_bytes gauge",
        f"noren_worker_peak_memory_bytes{{{labels}}} {peak_bytes}",
    ]
    return "\n".join(lines) + "\n"


def _render(layout: Layout, counts: Counts, model: str, digest: str) -> Iterator[str]:
    yield from ("# HELP noren_version_info The version that answers.", "# TYPE noren_version_info gauge")
    yield f"noren_version_info{{{model},{_labels(digest=digest)}}} 1"
    for place, name in enumerate(TOTALS):
        yield from (f"# HELP noren_{name}_total {HELP[name]}", f"# TYPE noren_{name}_total counter")
        yield f"noren_{name}_total{{{model}}} {counts[place]}"
    yield from (
        "# HELP noren_latency_seconds Time from a request's first byte to its answer, inside the service.",
        "# TYPE noren_latency_seconds histogram",
    )
    edges = [f"{edge / 1000:.6g}" for edge in LATENCY_EDGES_MS]
    yield from _histogram("noren_latency_seconds", edges, counts[layout.latency], model)
    for what, known, places in (
        ("input", layout.profile.columns, layout.columns),
        ("output", layout.profile.outputs, layout.outputs),
    ):
        yield from _render_columns(what, [(column, counts[places[column.name]]) for column in known], model)


def _render_columns(what: str, columns: list[tuple[ColumnProfile, Counts]], model: str) -> Iterator[str]:
    numeric = [(column, counts) for column, counts in columns if column.kind == "numeric"]
    categorical = [(column, counts) for column, counts in columns if column.kind == "categorical"]
    if numeric:
        yield f"# HELP noren_{what} Values per bin of the profile; a bin ends below its `le`."
        yield f"# TYPE noren_{what} histogram"
    for column, counts in numeric:
        labels = f"{model},{_labels(column=column.name)}"
        yield from _histogram(f"noren_{what}", [f"{edge!r}" for edge in column.edges], counts[:-1], labels)
    if categorical:
        yield f"# HELP noren_{what}_category_total Values per category; `other` holds what the profile has no bin for."
        yield f"# TYPE noren_{what}_category_total counter"
    for column, counts in categorical:
        for label, count in zip(column.labels[:-1], counts[:-1].tolist(), strict=True):
            yield f"noren_{what}_category_total{{{model},{_labels(column=column.name, category=label)}}} {count}"
    if columns:
        yield f"# HELP noren_{what}_missing_total Missing values."
        yield f"# TYPE noren_{what}_missing_total counter"
    for column, counts in columns:
        yield f"noren_{what}_missing_total{{{model},{_labels(column=column.name)}}} {counts[-1]}"


def _histogram(name: str, edges: list[str], counts: Counts, labels: str) -> Iterator[str]:
    cumulative = np.cumsum(counts).tolist()
    for edge, count in zip([*edges, "+Inf"], cumulative, strict=True):
        yield f'{name}_bucket{{{labels},le="{edge}"}} {count}'
    yield f"{name}_count{{{labels}}} {cumulative[-1]}"


def _labels(**values: str) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in values.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
