from __future__ import annotations

import re
from itertools import combinations

from noren_bento.bento_build.tag import tag_of
from noren_bento.release.version import ModelVersion, Signature

TAG = re.compile(r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?:[0-9]+$")
NAMES = [
    "churn",
    "Churn",
    "CHURN",
    "churn.",
    "churn-",
    "churn--a",
    "a" * 64,
    "a" * 63 + "b",
    "a_b",
    "A_b",
    "a.b",
    "0",
]


def tag(name: str) -> str:
    return tag_of(ModelVersion(name, 7, "", Signature((), "regression")))


def test_a_plain_name_is_the_tag() -> None:
    assert tag("churn") == "churn:7"


def test_every_name_becomes_a_tag_that_bentoml_takes() -> None:
    assert [name for name in NAMES if not TAG.match(tag(name))] == []


def test_no_two_names_share_a_tag_even_where_case_is_lost() -> None:
    tags = [tag(name).lower() for name in NAMES]
    assert [pair for pair in combinations(tags, 2) if len(set(pair)) == 1] == []


def test_a_name_that_looks_like_another_ones_tag_gets_its_own() -> None:
    assert tag(tag("Churn").split(":")[0]) != tag("Churn")
