"""Comparing profiles: exact shares, the most moved first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noren_bento.profile.build import build_profile, count_rows
from noren_bento.profile.compare import compare_profiles
from noren_bento.profile.merge import merge_profiles
from noren_bento.profile.profile import ColumnProfile, Profile

counts = st.lists(st.integers(0, 10**15), min_size=4, max_size=4).map(tuple)


def profile_with(some):
    column = ColumnProfile("x", "numeric", edges=(0.0, 1.0), counts=some)
    return Profile(sum(some), (column,))


@given(counts, counts)
def test_the_moved_share_is_symmetric_and_between_zero_and_one(one, other):
    there, back = (
        compare_profiles(profile_with(a), profile_with(b))[0] for a, b in ((one, other), (other, one))
    )
    assert 0 <= there.moved == back.moved <= 1
    assert there.before == one
    assert there.after == other


@given(counts, st.integers(1, 1000))
def test_more_rows_of_the_same_shares_have_not_moved_at_all(some, times):
    assert (
        compare_profiles(profile_with(some), profile_with(tuple(times * count for count in some)))[0].moved
        == 0
    )


def test_the_most_moved_column_comes_first_and_outputs_come_last():
    rng = np.random.default_rng(0)
    before = {"same": rng.normal(size=900), "moved": rng.normal(size=900), "gone": rng.normal(size=900)}
    profile = build_profile(before, {"prediction": rng.normal(size=900)})
    after = count_rows(profile, [{**before, "moved": before["moved"] + 1, "gone": np.full(900, np.nan)}])
    found = compare_profiles(profile, after)
    assert [one.name for one in found] == ["gone", "moved", "same", "prediction"]
    assert [one.moved for one in found][::2] == [1.0, 0.0]
    assert found[0].labels[-1] == "missing"
    assert found[0].after[-1] == 900


def test_a_profile_without_rows_has_moved_wholly_from_one_with_rows():
    some, none = profile_with((1, 2, 0, 0)), profile_with((0, 0, 0, 0))
    assert compare_profiles(some, none)[0].moved == 1
    assert compare_profiles(none, none)[0].moved == 0
    assert merge_profiles(some, none) == replace(some, sampled=0)
