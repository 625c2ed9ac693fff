import ast
import json
from pathlib import Path

import pytest

import noren_bento.profile
from noren_bento.errors import NorenError
from noren_bento.profile.profile import ColumnProfile, Profile, profile_from_json, profile_to_json

AGE = ColumnProfile("age", "numeric", edges=(0.1 + 0.2, 65.0), counts=(1, 2, 3, 4))
CITY = ColumnProfile("city", "categorical", categories=("köln", "\ud800", "<b>"), counts=(1, 0, 0, 2, 1))
PROFILE = Profile(10, (AGE, CITY), (ColumnProfile("prediction", "numeric", counts=(10, 0)),))


def test_json_brings_back_every_bit_and_every_character():
    again = profile_from_json(profile_to_json(PROFILE))
    assert again == PROFILE
    assert again.column("age").edges[0] == 0.1 + 0.2


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"null", b"\xff\xfe", profile_to_json(PROFILE)[:-7], b'{"format": 1, "rows": "x"}'],
)
def test_damaged_json_is_a_named_error(data):
    with pytest.raises(NorenError, match="damaged"):
        profile_from_json(data)


def test_a_later_format_is_refused_with_the_way_out():
    document = json.loads(profile_to_json(PROFILE).decode(errors="surrogatepass")) | {"format": 2}
    with pytest.raises(NorenError, match="format 2; this Noren reads 1"):
        profile_from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "numeric", "edges": (2.0, 1.0)},
        {"kind": "numeric", "edges": (1.0, 1.0)},
        {"kind": "numeric", "edges": (float("inf"),)},
        {"kind": "numeric", "edges": (1.0,), "counts": (1, 2)},
        {"kind": "numeric", "edges": (1.0,), "counts": (1, -2, 0)},
        {"kind": "categorical", "categories": ("a", "a")},
        {"kind": "vector"},
    ],
)
def test_a_column_that_cannot_be_counted_is_refused(fields):
    with pytest.raises(NorenError, match="'bad'"):
        ColumnProfile("bad", **fields)


def test_labels_name_every_bin_once():
    column = ColumnProfile("c", "categorical", categories=("other", "missing", "x"))
    assert column.labels == ("'other'", "'missing'", "x", "other", "missing")
    assert len(AGE.labels) == AGE.size == 4


def test_missing_share_is_a_share_of_the_rows_and_zero_without_any():
    assert AGE.missing_share == 0.4
    assert ColumnProfile("empty", "numeric").missing_share == 0


def test_an_unknown_column_is_answered_with_the_known_ones():
    with pytest.raises(NorenError, match=r"no column 'agee'\. It has: age, city"):
        PROFILE.column("agee")
    with pytest.raises(NorenError, match=r"no output 'age'\. It has: prediction"):
        PROFILE.output("age")


def test_what_a_bento_carries_imports_only_numpy_and_the_standard_library():
    for path in Path(noren_bento.profile.__file__).parent.glob("*.py"):
        imports = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom | ast.Import)
        ]
        names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
        assert not {name for name in names if name.split(".")[0] in ("scipy", "pandas", "sklearn")}
