import numpy as np
import pytest

from noren_bento.errors import NorenError
from noren_bento.profile.build import build_profile
from noren_bento.profile.window import LATENCY_BINS, LATENCY_EDGES_MS, TOTALS, Layout, Window, latency_bin

COLUMNS = {"age": np.array([20.0, 40.0, np.nan]), "city": np.array(["a", "b", "a"], dtype=object)}
OUTPUTS = {"prediction": np.array([0, 1, 1])}
LAYOUT = Layout(build_profile(COLUMNS, OUTPUTS))


def window_of_latencies(latencies):
    vector = LAYOUT.zeros()
    for latency in latencies:
        vector[LAYOUT.latency.start + latency_bin(latency)] += 1
    return Window(LAYOUT, vector)


def test_every_place_in_the_vector_belongs_to_one_count():
    totals = slice(0, len(TOTALS))
    fixed = [totals, LAYOUT.client_errors, LAYOUT.model_errors, LAYOUT.latency]
    places = [*fixed, *LAYOUT.columns.values(), *LAYOUT.outputs.values()]
    covered = [index for place in places for index in range(place.start, place.stop)]
    assert covered == list(range(LAYOUT.size))
    assert LAYOUT.zeros().dtype == np.int64


def test_counted_rows_are_found_under_their_names():
    window = Window(LAYOUT, LAYOUT.count_rows(COLUMNS, OUTPUTS))
    assert window.column("city").tolist() == [2, 1, 0, 0]
    assert window.output("prediction").tolist() == [0, 1, 2, 0, 0]
    assert window.requests == window.rows == 0


def test_windows_of_parts_add_up_exactly_and_subtract_again():
    whole = Window(LAYOUT, LAYOUT.count_rows(COLUMNS, OUTPUTS))
    first = Window(LAYOUT, LAYOUT.count_rows({name: values[:1] for name, values in COLUMNS.items()}, {}))
    assert ((first + (whole - first)).vector == whole.vector).all()


def test_windows_of_another_profile_are_refused():
    other = Layout(build_profile({"age": COLUMNS["age"]}, {}))
    with pytest.raises(NorenError, match="another version"):
        Window(LAYOUT, other.zeros())
    with pytest.raises(NorenError, match="two different profiles"):
        _ = Window(LAYOUT, LAYOUT.zeros()) + Window(other, other.zeros())


def test_totals_have_names():
    vector = LAYOUT.zeros()
    vector[:2] = 9, 20
    vector[LAYOUT.client_errors][:2] = 1
    vector[LAYOUT.model_errors][-1] = 1
    window = Window(LAYOUT, vector)
    assert (window.requests, window.rows, window.client_errors, window.model_errors) == (9, 20, 2, 1)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(NorenError, match=r"no output 'predictions'\. It has: prediction"):
        Window(LAYOUT, LAYOUT.zeros()).output("predictions")


def test_latency_quantiles_are_within_a_bin_of_the_truth():
    latencies = np.random.default_rng(0).lognormal(1.5, 0.8, size=5000)
    window = window_of_latencies(latencies)
    for q in (0.01, 0.5, 0.95, 0.99):
        assert window.latency_quantile_ms(q) == pytest.approx(np.quantile(latencies, q), rel=0.05)


def test_latency_quantiles_rise_with_their_share():
    window = window_of_latencies([0.01, 1, 1, 5, 90_000])
    quantiles = [window.latency_quantile_ms(q) for q in np.linspace(0, 1, 21)]
    assert quantiles == sorted(quantiles)
    assert quantiles[-1] == LATENCY_EDGES_MS[-1] == 60_000


def test_without_requests_there_is_no_latency():
    assert Window(LAYOUT, LAYOUT.zeros()).latency_quantile_ms(0.95) is None


def test_latency_bins_are_ten_a_decade():
    assert LATENCY_EDGES_MS[0] == 0.05
    assert np.diff(np.log10(LATENCY_EDGES_MS)) == pytest.approx(0.1, abs=0.001)
    assert latency_bin(60_000.0) == LATENCY_BINS - 1
