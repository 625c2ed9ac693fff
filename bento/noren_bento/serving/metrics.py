"""The metrics page: the summed counts as Prometheus text, so that drift over any fleet is a sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from noren_bento.profile.profile import ColumnProfile, Counts
from noren_bento.profile.window import CLIENT_KINDS, LATENCY_EDGES_MS, MODEL_KINDS, Layout
from noren_bento.serving.tally import DROPPED, LATENCY, LOGGED, REQUESTS, ROWS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 10_000
"""Most series of columns and outputs on one page; further columns are left out and counted. Drift sees all of them."""
TOTAL_HELP = (
    (REQUESTS, "noren_requests_total", "Prediction requests, errors included."),
    (ROWS, "noren_rows_total", "Rows that were predicted."),
    (LOGGED, "noren_log_rows_total", "Rows that the prediction log has written."),
    (
        DROPPED,
        "noren_log_dropped_rows_total",
        "Rows that the prediction log could not write: full or slow disk.",
    ),
)


def render_metrics(layout: Layout, counts: Counts, *, model: str, digest: str, peak_bytes: int) -> str:
    """Write the counts of one version, and the most memory that one worker has had, in Prometheus's text format."""
    labels = _labels(model=model)
    lines = [
        *_head("noren_version_info", "gauge", "The version that answers."),
        f"noren_version_info{{{labels},{_labels(digest=digest)}}} 1",
        *_render_totals(layout, counts, labels),
        *_render_latency(layout, counts, labels),
        *_render_all_columns(layout, counts, labels),
        *_head(
            "noren_worker_peak_memory_bytes",
            "gauge",
            "Most resident memory that one worker has had, ended workers included.",
        ),
        f"noren_worker_peak_memory_bytes{{{labels}}} {peak_bytes}",
    ]
    return "\n".join(lines) + "\n"


def _render_totals(layout: Layout, counts: Counts, model: str) -> Iterator[str]:
    for place, name, text in TOTAL_HELP:
        yield from _head(name, "counter", text)
        yield f"{name}{{{model}}} {counts[place]}"
    yield from _head("noren_client_errors_total", "counter", "Requests answered with 4xx, by code.")
    for code, count in zip(CLIENT_KINDS, counts[layout.client_errors].tolist(), strict=True):
        yield f"noren_client_errors_total{{{model},{_labels(code=code)}}} {count}"
    yield from _head("noren_model_errors_total", "counter", "Requests that this version failed, by kind.")
    for kind, count in zip(MODEL_KINDS, counts[layout.model_errors].tolist(), strict=True):
        yield f"noren_model_errors_total{{{model},{_labels(kind=kind)}}} {count}"


def _render_latency(layout: Layout, counts: Counts, model: str) -> Iterator[str]:
    name = "noren_latency_seconds"
    text = "Time from a request's first byte to its answer, inside the service."
    yield from _head(name, "histogram", text)
    edges = [f"{edge / 1000:.6g}" for edge in LATENCY_EDGES_MS]
    yield from _buckets(name, edges, counts[layout.latency], model)
    yield f"{name}_sum{{{model}}} {counts[LATENCY] / 1e6:.6f}"
    yield f"{name}_count{{{model}}} {counts[layout.latency].sum()}"


def _render_all_columns(layout: Layout, counts: Counts, model: str) -> Iterator[str]:
    left = MAX_SERIES
    outputs, left = _choose(layout.profile.outputs, left)
    inputs, left = _choose(layout.profile.columns, left)
    yield from _render_columns("output", outputs, layout.outputs, counts, model)
    yield from _render_columns("input", inputs, layout.columns, counts, model)
    known = len(layout.profile.outputs) + len(layout.profile.columns)
    text = "Columns and outputs that have no series on this page, because there are too many."
    yield from _head("noren_columns_left_out", "gauge", text)
    yield f"noren_columns_left_out{{{model}}} {known - len(outputs) - len(inputs)}"


def _choose(columns: Sequence[ColumnProfile], left: int) -> tuple[list[ColumnProfile], int]:
    """Take columns in their order for as long as their series fit; return them and how many series are left."""
    taken: list[ColumnProfile] = []
    for column in columns:
        needed = column.size + 2
        if needed > left:
            break
        taken.append(column)
        left -= needed
    return taken, left


def _render_columns(
    what: str, columns: list[ColumnProfile], places: Mapping[str, slice], counts: Counts, model: str
) -> Iterator[str]:
    numeric = [column for column in columns if column.kind == "numeric"]
    categorical = [column for column in columns if column.kind == "categorical"]
    if numeric:
        # No `_sum`: values may be negative, and then it would not be a counter (OpenMetrics, "Histogram").
        text = "Values per bin of the profile; a bin ends below its `le`."
        yield from _head(f"noren_{what}", "histogram", text)
    for column in numeric:
        labels = f"{model},{_labels(column=column.name)}"
        values = counts[places[column.name]][:-1]
        yield from _buckets(f"noren_{what}", [f"{edge!r}" for edge in column.edges], values, labels)
        yield f"noren_{what}_count{{{labels}}} {values.sum()}"
    if categorical:
        text = "Values per category; `other` holds what the profile has no bin for."
        yield from _head(f"noren_{what}_category_total", "counter", text)
    for column in categorical:
        values = counts[places[column.name]][:-1]
        for label, count in zip(column.labels[:-1], values.tolist(), strict=True):
            yield f"noren_{what}_category_total{{{model},{_labels(column=column.name, category=label)}}} {count}"
    if columns:
        yield from _head(f"noren_{what}_missing_total", "counter", "Missing values.")
    for column in columns:
        yield f"noren_{what}_missing_total{{{model},{_labels(column=column.name)}}} {counts[places[column.name]][-1]}"


def _buckets(name: str, edges: list[str], counts: Counts, labels: str) -> Iterator[str]:
    for edge, count in zip([*edges, "+Inf"], np.cumsum(counts).tolist(), strict=True):
        yield f'{name}_bucket{{{labels},le="{edge}"}} {count}'


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(**values: str) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in values.items())


def _escape(value: str) -> str:
    whole = value.encode(errors="replace").decode()  # a lone surrogate is no UTF-8
    return whole.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
