from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from noren_bento.profile.build import build_profile
from noren_bento.profile.window import CLIENT_KINDS, Layout
from noren_bento.serving.metrics import MAX_SERIES, render_metrics

NAME = 'a "quoted"\nname\\'


def page(columns: int = 0) -> str:
    wide = {f"n{place}": np.arange(10.0) for place in range(columns)}
    profile = build_profile(
        {
            NAME: np.arange(10.0),
            "town": np.array(["Rome", None, "\ud800"] * 3 + ["Oslo"], dtype=object),
            **wide,
        },
        {"prediction": np.arange(10.0)},
    )
    layout = Layout(profile)
    counts = np.arange(layout.size, dtype=np.int64)
    return render_metrics(layout, counts, model="churn/1", digest="ab", peak_bytes=7)


def read(columns: int = 0) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {
            (sample.name, *map(str, sample.labels.values())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(page(columns))
    }


def test_prometheus_reads_the_totals() -> None:
    families = read()
    assert families["noren_requests"][("noren_requests_total", "churn/1")] == 0
    assert families["noren_log_dropped_rows"][("noren_log_dropped_rows_total", "churn/1")] == 4
    assert families["noren_client_errors"][("noren_client_errors_total", "churn/1", "400")] == 5
    assert len(families["noren_client_errors"]) == len(CLIENT_KINDS)
    assert ("noren_model_errors_total", "churn/1", "raised") in families["noren_model_errors"]


def test_the_mean_latency_can_be_told() -> None:
    latency = read()["noren_latency_seconds"]
    assert latency[("noren_latency_seconds_sum", "churn/1")] == 2e-6
    assert latency[("noren_latency_seconds_count", "churn/1")] > 0


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool of Debian's prometheus is not installed"
)
@pytest.mark.parametrize("columns", [0, 2000])
def test_promtool_finds_nothing_to_complain_about(columns: int) -> None:
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=page(columns).encode(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_version_of_very_many_columns_has_a_page_of_bounded_size() -> None:
    families = read(columns=2000)
    assert 9_000 < sum(map(len, families.values())) < MAX_SERIES + 200
    shown = len(families["noren_input_missing"]) + len(families["noren_output_missing"])
    assert families["noren_columns_left_out"][("noren_columns_left_out", "churn/1")] == 2003 - shown


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
