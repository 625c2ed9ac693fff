import numpy as np

from noren_bento.profile.build import build_profile
from noren_validation.slices import weakest_slices


def test_the_part_of_the_data_that_is_worst_comes_first():
    random = np.random.default_rng(0)
    columns = {
        "region": random.choice(["north", "south", "east"], 3000).astype(object),
        "age": np.where(random.random(3000) < 0.1, np.nan, random.uniform(20, 80, 3000)),
    }
    losses = (random.random(3000) < np.where(columns["region"] == "south", 0.4, 0.1)).astype(float)
    losses[np.isnan(columns["age"])] = 1.0
    found = weakest_slices(build_profile(columns, {}), columns, losses=losses)
    assert [(one.column, one.label) for one in found[:2]] == [("age", "missing"), ("region", "south")]
    assert found[1].loss > 0.35
    assert found[1].champion is None


def test_equal_losses_have_no_weak_slice():
    columns = {"a": np.arange(100.0)}
    assert weakest_slices(build_profile(columns, {}), columns, losses=np.zeros(100)) == ()
