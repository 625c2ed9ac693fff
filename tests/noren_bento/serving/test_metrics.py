from __future__ import annotations

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from noren_bento.profile.build import build_profile
from noren_bento.profile.window import Layout
from noren_bento.serving.metrics import render_metrics

NAME = 'a "quoted"\nname\\'


def read() -> dict[str, dict[tuple[str, ...], float]]:
    profile = build_profile(
        {NAME: np.arange(10.0), "town": np.array(["Rome", None] * 5, dtype=object)},
        {"prediction": np.arange(10.0)},
    )
    layout = Layout(profile)
    counts = np.arange(layout.size, dtype=np.int64)
    text = render_metrics(layout, counts, model="churn/1", digest="ab", peak_bytes=7)
    return {
        family.name: {
            (sample.name, *map(str, sample.labels.values())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def test_prometheus_reads_the_totals() -> None:
    families = read()
    assert families["noren_requests"][("noren_requests_total", "churn/1")] == 0
    assert families["noren_model_errors"][("noren_model_errors_total", "churn/1")] == 3


def test_prometheus_reads_the_most_memory_that_a_worker_has_had() -> None:
    assert read()["noren_worker_peak_memory_bytes"][("noren_worker_peak_memory_bytes", "churn/1")] == 7


def test_names_with_quotes_and_line_ends_come_through() -> None:
    assert any(NAME in labels for labels in read()["noren_input"])


def test_histograms_are_cumulative_and_end_with_all() -> None:
    samples = read()["noren_input"]
    buckets = [value for labels, value in samples.items() if labels[0] == "noren_input_bucket"]
    assert buckets == sorted(buckets)
    assert samples[("noren_input_count", "churn/1", NAME)] == buckets[-1]


def test_categories_and_missing_are_counters() -> None:
    families = read()
    assert ("noren_input_category_total", "churn/1", "town", "Rome") in families["noren_input_category"]
    assert len(families["noren_input_missing"]) == 2
