import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noren_bento.errors import NorenError
from noren_bento.profile.build import build_profile, count_rows
from noren_bento.profile.count import MANY, count_values
from noren_bento.profile.profile import ColumnProfile


def column_of(values, **options):
    return build_profile({"x": np.asarray(values)}, {}, **options).column("x")


def text(*values):
    return np.array(values, dtype=object)


def bin_by_hand(column, value):
    if np.isnan(value):
        return column.size - 1
    return sum(value >= edge for edge in column.edges)


def test_continuous_values_fill_ten_bins_of_equal_counts():
    column = column_of(np.random.default_rng(0).normal(size=10_000))
    assert column.counts == (1000,) * 10 + (0,)


def test_each_of_a_few_values_has_its_own_bin_and_new_values_fall_outside():
    column = column_of(np.array([0, 1, 1, 1]))
    assert column.counts == (0, 1, 3, 0, 0)
    assert count_values(column, np.array([-1, 0, 1, 7])).tolist() == [1, 1, 1, 1, 0]


def test_a_value_that_most_rows_share_does_not_blind_the_column():
    gains = np.concatenate([np.zeros(9000), np.random.default_rng(0).gamma(2, 1000, size=1000)])
    column = column_of(gains)
    assert max(column.counts) == 9000
    assert len([count for count in column.counts if 80 <= count <= 150]) >= 8


@pytest.mark.parametrize("constant", [0, 3.5, -1e300, 1e-12, 1e308])
def test_a_constant_column_sees_any_other_value(constant):
    column = column_of(np.full(50, constant, dtype=float))
    assert count_values(column, np.array([constant])).tolist() == [0, 1, 0, 0]
    moved = np.array([constant * 1.01 + 0.1])
    assert count_values(column, moved)[1] == 0


def test_rounding_to_float32_moves_no_value_into_another_bin():
    values = np.random.default_rng(0).integers(0, 40, size=2000) / 10
    column = column_of(values)
    assert count_values(column, values.astype(np.float32)).tolist() == list(column.counts)


def test_missing_values_have_a_bin_and_infinities_fall_into_the_outer_ones():
    column = column_of(np.array([1.0, 2.0, np.nan, np.inf, -np.inf]))
    assert column.counts == (1, 1, 1, 1, 1)
    assert np.isfinite(column.edges).all()


@pytest.mark.parametrize("values", [np.full(5, np.nan), np.array([]), np.array([np.inf, -np.inf])])
def test_a_column_without_finite_values_has_one_bin_of_values(values):
    column = column_of(values)
    assert column.edges == ()
    assert sum(column.counts) == len(values)


def test_dates_are_counted_as_seconds_whatever_their_unit():
    days = np.arange("2026-01-01", "2026-02-10", dtype="datetime64[D]")
    column = column_of(days)
    assert column.kind == "numeric"
    assert dt.datetime.fromtimestamp(column.edges[0], dt.UTC).year == 2026
    for unit in ("D", "s", "ms", "ns"):
        assert count_values(column, days.astype(f"datetime64[{unit}]")).tolist() == list(column.counts)
    assert count_values(column, np.array(["NaT"], dtype="datetime64[ns]"))[-1] == 1
    assert column_of(np.array([1, 2], dtype="timedelta64[h]")).edges[1] == 1.5 * 3600


def test_categories_come_most_frequent_first_then_by_name():
    column = column_of(text("b", "a", "c", "c", None, float("nan"), pd.NA, pd.NaT))
    assert column.categories == ("c", "a", "b")
    assert column.counts == (2, 1, 1, 0, 4)


def test_a_new_category_is_other_and_not_missing():
    column = column_of(text("a", "b"))
    assert count_values(column, text("a", "z", "z", None)).tolist() == [1, 0, 2, 1]


def test_of_too_many_categories_only_common_ones_keep_a_bin():
    ids = text(*(f"id{number}" for number in range(500)), *["vip"] * 5)
    column = column_of(ids)
    assert column.categories == ("vip",)
    assert column.counts == (5, 500, 0)


def test_values_that_are_not_text_are_counted_by_their_text():
    column = column_of(text(True, False, True, 3, [1, 2], {"a": 1}))
    assert column.categories[0] == "True"
    assert count_values(column, np.array([True, False]))[0] == 1
    assert column_of(np.array(["x", "y"])).categories == ("x", "y")


@pytest.mark.parametrize("dtype", ["str", "category", "string", "object"])
def test_text_from_pandas_is_counted_alike_whatever_its_dtype(dtype):
    series = pd.Series(["a", None, "b", "a"], dtype=dtype)
    assert column_of(series.to_numpy(dtype=object)).counts == (2, 1, 0, 1)


def test_none_in_a_numeric_column_is_missing_and_text_is_an_error():
    column = column_of(np.array([1.0, 2.0]))
    assert count_values(column, text(1, None, pd.NA, 2.0)).tolist() == [0, 1, 1, 0, 2]
    with pytest.raises(NorenError, match="'x' is numeric"):
        count_values(column, text("1.0x"))


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.array([1j, 2]), np.zeros(2, dtype="V8")])
def test_what_has_no_bins_is_refused_by_name(bad):
    with pytest.raises(NorenError, match="'x' must be a 1-d array"):
        column_of(bad)


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(NorenError, match="same number of rows"):
        build_profile({"x": np.zeros(3)}, {"y": np.zeros(2)})


def test_no_columns_at_all_is_an_empty_profile():
    assert build_profile({}, {}).rows == 0


@pytest.mark.parametrize(
    "extremes", [(-1.7e308, 1.7e308), (0.0, 5e-324), (1e300, float(np.nextafter(1e300, 2e300)))]
)
def test_values_at_the_ends_of_the_number_line_have_a_bin_each(extremes):
    column = column_of(np.array(extremes))
    assert sorted(column.counts)[-2:] == [1, 1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(allow_subnormal=False), max_size=60),
    st.lists(st.floats(allow_subnormal=False), max_size=40),
)
def test_every_value_falls_into_exactly_the_bin_of_its_edges(reference, values):
    column = column_of(np.array(reference, dtype=float))
    assert list(column.edges) == sorted(set(column.edges))
    expected = np.zeros(column.size, dtype=int)
    for value in values:
        expected[bin_by_hand(column, value)] += 1
    assert count_values(column, np.array(values, dtype=float)).tolist() == expected.tolist()


def test_the_quick_way_for_many_values_counts_as_the_one_for_few():
    rng = np.random.default_rng(3)
    values = rng.normal(size=MANY)
    values[rng.integers(0, MANY, 300)] = np.nan
    values[:4] = np.inf, -np.inf, 0.0, 0.5
    column = ColumnProfile("x", "numeric", edges=(-1.0, 0.0, 0.5))
    parts = sum(count_values(column, part) for part in np.array_split(values, 7))
    assert count_values(column, values).tolist() == parts.tolist()
    assert parts.sum() == MANY


def test_the_range_is_that_of_the_finite_values():
    assert column_of(np.array([3, -1, 2])).range == (-1.0, 3.0)
    assert column_of(np.array([np.inf, -np.inf, 2.0, np.nan])).range == (2.0, 2.0)
    assert column_of(np.array([np.nan, np.inf])).range is None
    assert column_of(text("a", "b")).range is None


def test_rows_outside_the_sample_are_counted_exactly_and_widen_the_range():
    rng = np.random.default_rng(0)
    heavy = rng.standard_cauchy(200_000)
    cities = rng.choice(["a", "b", "rare"], 200_000, p=[0.6, 0.39999, 0.00001]).astype(object)
    sample = build_profile({"x": heavy[:1000], "city": cities[:1000]}, {}, seed=5)
    chunks = [{"x": heavy[a : a + 999], "city": cities[a : a + 999]} for a in range(0, 200_000, 999)]
    whole = count_rows(sample, chunks)
    assert (whole.rows, whole.sampled, whole.seed) == (200_000, 1000, 5)
    assert whole.column("x").range == (heavy.min(), heavy.max())
    assert whole.column("x").counts == tuple(count_values(sample.column("x"), heavy).tolist())
    shares = np.array(whole.column("x").counts[:-1]) / 200_000
    assert shares == pytest.approx(0.1, abs=0.04), "quantiles of 1,000 rows: about three standard errors"
    assert whole.column("city").counts[-2] == (cities == "rare").sum() > 0


def test_two_thousand_columns_of_every_odd_kind_are_profiled():
    rng = np.random.default_rng(0)
    kinds = (
        rng.normal(size=300), np.full(300, 7.0), np.full(300, np.nan), np.full(300, np.inf),
        rng.integers(0, 3, 300), rng.pareto(0.3, 300) ** 20, rng.random(300) < 0.5,
        np.array([None] * 300, dtype=object), np.array([f"id{number}" for number in range(300)], dtype=object),
        np.where(rng.random(300) < 0.5, -0.0, 5e-324),
    )  # fmt: skip
    columns = {f"c{number}": kinds[number % len(kinds)] for number in range(2000)}
    profile = build_profile(columns, {})
    whole = count_rows(profile, [columns, columns])
    assert len(whole.columns) == 2000
    for before, after in zip(profile.columns, whole.columns, strict=True):
        assert sum(before.counts) == 300
        assert after.counts == tuple(2 * count for count in before.counts)
        assert after.range == before.range


def test_a_number_too_large_for_a_float_is_an_error_that_names_the_column():
    column = column_of(np.array([1.0, 2.0]))
    with pytest.raises(NorenError, match="'x' is numeric"):
        count_values(column, text(10**400))
