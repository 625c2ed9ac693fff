"""Profiles of parts add up to the profile of the whole, in any order and grouping."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noren_bento.errors import NorenError
from noren_bento.profile.build import build_profile, count_rows
from noren_bento.profile.compare import compare_profiles
from noren_bento.profile.merge import merge_profiles
from noren_bento.profile.profile import ColumnProfile, Profile, profile_from_json, profile_to_json

BINS = build_profile(
    {
        "age": np.array([1.0, 2.0, 2.5, np.nan, 40.0]),
        "city": np.array(["a", "b", "a", None, "c"], dtype=object),
        "at": np.arange("2026-01-01", "2026-01-06", dtype="datetime64[D]"),
    },
    {"prediction": np.array([0.0, 1.0, 1.0, 0.0, 1.0])},
)

rows = st.lists(
    st.tuples(
        st.floats(allow_subnormal=False),
        st.sampled_from(["a", "b", "c", "new", None]),
        st.one_of(st.none(), st.integers(0, 10**10)),
    ),
    max_size=40,
)


def chunk_of(some):
    return {
        "age": np.array([row[0] for row in some], dtype=float),
        "city": np.array([row[1] for row in some], dtype=object),
        "at": np.array(["NaT" if row[2] is None else row[2] for row in some], dtype="datetime64[s]"),
    }


def profile_of(some):
    return count_rows(BINS, [chunk_of(some)])


@settings(max_examples=80, deadline=None)
@given(rows, st.lists(st.integers(0, 40), max_size=4))
def test_the_parts_profiles_merge_into_the_profile_of_the_whole(some, cuts):
    places = sorted({0, len(some), *(cut for cut in cuts if cut < len(some))})
    parts = [some[start:stop] for start, stop in pairwise(places)] or [[]]
    whole = profile_of(some)
    streamed = count_rows(BINS, (chunk_of(part) for part in parts))
    merged = reduce(merge_profiles, (profile_of(part) for part in parts))
    assert streamed == whole
    assert (merged.rows, merged.columns) == (whole.rows, whole.columns)


@settings(max_examples=60, deadline=None)
@given(rows, rows, rows)
def test_merging_is_associative_and_commutative(first, second, third):
    a, b, c = profile_of(first), profile_of(second), profile_of(third)
    assert merge_profiles(merge_profiles(a, b), c) == merge_profiles(a, merge_profiles(b, c))
    assert merge_profiles(a, b) == merge_profiles(b, a)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_each_row_is_counted_once_and_lies_within_the_range(some):
    profile = profile_of(some)
    assert all(sum(column.counts) == profile.rows == len(some) for column in profile.columns)
    finite = [row[0] for row in some if np.isfinite(row[0])]
    assert profile.column("age").range == ((min(finite), max(finite)) if finite else None)
    assert profile_from_json(profile_to_json(profile)) == profile


def test_what_two_profiles_share_of_how_they_were_made_stays_and_the_rest_is_dropped():
    age = ColumnProfile("age", "numeric", edges=(1.0,), counts=(3, 0, 0))
    one, other = Profile(30, (age,), sampled=3, seed=0), Profile(20, (age,), sampled=9, seed=0)
    assert merge_profiles(one, other).made == (
        "All 50 rows are counted; bins and predictions are those of a sample of 9 (seed 0)."
    )
    assert merge_profiles(one, Profile(20, (age,), sampled=9, seed=1)).seed is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            build_profile({"age": np.zeros(2)}, {}),
            r"different columns: \['age', 'city', 'at'\] and \['age'\]",
        ),
        (
            Profile(0, (ColumnProfile("age", "numeric", edges=(7.0,)), *BINS.columns[1:]), BINS.outputs),
            r"cut 'age' into different bins.* count_rows\(bins, chunks\)",
        ),
        (Profile(0, BINS.columns), "different outputs"),
    ],
)
def test_profiles_with_other_bins_are_neither_merged_nor_compared(other, message):
    for of in (merge_profiles, compare_profiles):
        with pytest.raises(NorenError, match=message):
            of(BINS, other)
