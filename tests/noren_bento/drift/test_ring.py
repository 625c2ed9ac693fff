import numpy as np
import pytest

from noren_bento.drift.detector import Ring
from noren_bento.errors import NorenError
from noren_bento.profile.build import build_profile
from noren_bento.profile.window import Layout

LAYOUT = Layout(build_profile({"x": np.arange(5.0)}, {}))


def rows(number):
    vector = LAYOUT.zeros()
    vector[1] = number
    return vector


def test_a_block_closes_with_the_push_that_fills_it_and_begins_where_its_first_row_did():
    ring = Ring(LAYOUT).push(rows(60), 10.0).push(rows(39), 20.0)
    assert (ring.rows, ring.blocks) == (0, ())
    ring = ring.push(rows(1), 30.0).push(rows(250), 40.0)
    assert [(block.at, int(block.vector[1])) for block in ring.blocks] == [(10.0, 100), (40.0, 250)]
    assert ring.filling is None
    assert ring.rows == 350


def test_the_oldest_block_falls_out_of_a_full_ring():
    ring = Ring(LAYOUT, capacity=3, block_rows=1)
    for second in range(5):
        ring = ring.push(rows(1), float(second))
    assert [block.at for block in ring.blocks] == [2.0, 3.0, 4.0]


def test_pushing_leaves_the_old_ring_as_it_was():
    old = Ring(LAYOUT, block_rows=1)
    vector = rows(1)
    new = old.push(vector, 0.0)
    assert (len(old.blocks), len(new.blocks)) == (0, 1)


def test_a_push_without_counts_begins_no_block():
    assert Ring(LAYOUT).push(LAYOUT.zeros(), 1.0).filling is None


def test_counters_that_began_anew_are_refused():
    with pytest.raises(NorenError, match="began anew"):
        Ring(LAYOUT).push(rows(-1), 0.0)


def test_a_ring_without_room_is_refused():
    with pytest.raises(NorenError, match="at least one block"):
        Ring(LAYOUT, capacity=0)
