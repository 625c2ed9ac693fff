"""A model's file constructs what was reviewed, calls nothing that it names, and is read once."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.cluster import Birch
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 -- makes the search importable
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import HalvingGridSearchCV, RepeatedKFold
from sklearn.multiclass import OutputCodeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from noren_bento.errors import NorenError
from noren_bento.tagging import reviewed_types, serialise
from noren_bento.tagging.reviewed_types import FUNCTIONS, REVIEWED, TYPES, find_unreviewed
from noren_bento.tagging.serialise import FILES, file_sha256, read_model, write_model
from tests.noren_bento.tagging.skops_files import (
    Node,
    listed,
    mapping,
    node,
    rewritten,
    ridge_holding,
    schema_of,
    text,
    tuple_of,
)

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 3

PLAIN = listed(node("TypeNode", "builtins.str"))
MEAN = node("FunctionNode", "numpy.mean")


def load(data: bytes, folder: Path, **options: Any) -> Any:
    (folder / "model.skops").write_bytes(data)
    return read_model(folder, "skops", sha256=file_sha256(folder / "model.skops"), **options)


@pytest.mark.parametrize(
    "model",
    [
        OutputCodeClassifier(LogisticRegression(), random_state=0),
        HalvingGridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, scoring="neg_brier_score"),
        HalvingGridSearchCV(
            LogisticRegression(), {"C": [0.1, 1.0]}, cv=RepeatedKFold(n_splits=2, n_repeats=1, random_state=0)
        ),
        KNeighborsClassifier(algorithm="ball_tree", metric="canberra"),
        make_pipeline(FunctionTransformer(np.abs), RandomForestClassifier(3)),
    ],
    ids=str,
)
def test_models_of_reviewed_types_are_stored_with_skops_and_without_a_warning(
    model: Any, tmp_path: Path
) -> None:
    y = Y % 2 if "brier" in str(model) else Y
    model.fit(X, y)
    form, again = write_model(model, tmp_path)
    assert form == "skops"
    assert (again.predict(X) == model.predict(X)).all()
    loaded = read_model(tmp_path, form, sha256=file_sha256(tmp_path / FILES[form]))
    assert (loaded.predict(X) == model.predict(X)).all()


def test_birch_which_skops_cannot_write_is_pickled_with_a_warning_that_says_why(tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"Birch is stored with cloudpickle: skops cannot write it \(.*Birch"
    ):
        form, again = write_model(Birch(n_clusters=2).fit(X), tmp_path)
    assert form == "cloudpickle"
    assert len(again.predict(X)) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["model.pkl"]


def test_a_release_of_scikit_learn_that_nobody_has_read_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serialise, "READ_WITH", ((0, 1), (0, 2)))
    with pytest.warns(
        UserWarning, match=r"read for scikit-learn 0\.1 to 0\.2, and this is .* stored with skops all"
    ):
        assert write_model(Ridge().fit(X, Y), tmp_path)[0] == "skops"


def test_what_is_not_a_release_that_was_read_is_known(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_model(Ridge().fit(X, Y), tmp_path)


CALLS: dict[str, tuple[Node, str]] = {
    "a list of a function": (listed(text(1), name="numpy.mean"), "numpy.mean in a ListNode"),
    "a set of a function": (node("SetNode", "numpy.mean", content=[]), "numpy.mean in a SetNode"),
    "a dict of a function": (
        node("DictNode", "numpy.mean", content={}, key_types=PLAIN),
        "numpy.mean in a DictNode",
    ),
    "a constructor that is a function": (
        node("ConstructorFromReduceNode", "numpy.mean", content=tuple_of(text([1, 2]))),
        "numpy.mean in a ConstructorFromReduceNode",
    ),
    "a constructor that is a type": (
        node("ConstructorFromReduceNode", "sklearn.linear_model._ridge.Ridge", content=tuple_of()),
        "Ridge in a ConstructorFromReduceNode",
    ),
    "a function that makes keys": (mapping(listed(MEAN), a=text(1)), "builtins.list in a ListNode"),
    "a partial that makes keys": (
        mapping(
            listed(
                node("PartialNode", "functools.partial", content={"func": MEAN, "args": tuple_of()}),
            ),
            a=text(1),
        ),
        "builtins.list in a ListNode",
    ),
    "a loss that is a function": (
        node("LossNode", "numpy.mean", content=tuple_of(), __reduce__={"args": tuple_of()}),
        "numpy.mean in a LossNode",
    ),
    "an array that is a function": (
        node("NdArrayNode", "numpy.mean", type="json", content=[], shape=tuple_of()),
        "numpy.mean in a NdArrayNode",
    ),
    "an operator": (node("OperatorFuncNode", "operator.methodcaller", attrs=tuple_of()), "OperatorFuncNode"),
    "a method": (
        node("MethodNode", "sklearn.linear_model._ridge.Ridge", content={"func": "fit", "obj": text(1)}),
        "Ridge in a MethodNode",
    ),
    "an instance of a function": (node("ObjectNode", "numpy.mean"), "numpy.mean in a ObjectNode"),
    "a dtype set up from a state": (node("ObjectNode", "numpy.dtype"), "numpy.dtype in a ObjectNode"),
    "a kind of node that nobody knows": (node("NewNode", "builtins.str"), "builtins.str in a NewNode"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_node_that_would_call_what_it_names_is_refused_even_for_names_that_were_reviewed(
    name: str, tmp_path: Path
) -> None:
    attribute, words = CALLS[name]
    with pytest.raises(NorenError, match=f"nobody has reviewed .*{words}"):
        load(ridge_holding(attribute), tmp_path)


def test_the_same_attributes_without_a_call_are_loaded(tmp_path: Path) -> None:
    content = {"func": MEAN, "args": tuple_of(), "kwds": mapping(listed()), "namespace": text(None)}
    part = node("PartialNode", "functools.partial", content=content)
    assert load(ridge_holding(part), tmp_path).extra_.func is np.mean
    assert load(ridge_holding(mapping(PLAIN, a=text(1))), tmp_path).extra_ == {"a": 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (node("FunctionNode", "numpy.mean", __id__=7), node("TypeNode", "builtins.str", __id__=7)),
        (node("FunctionNode", "numpy.mean", __id__=7.0), node("TypeNode", "builtins.str", __id__=7.0)),
    ],
)
def test_a_node_cannot_pass_for_another_by_its_number(first: Node, second: Node, tmp_path: Path) -> None:
    data = ridge_holding(listed(first, mapping(listed(second), a=text(1))))
    with pytest.raises(NorenError, match=r"under the number of another|with the number 7"):
        load(data, tmp_path)


def test_a_list_of_key_types_cannot_be_another_list_by_its_number(tmp_path: Path) -> None:
    functions = listed(MEAN, __id__=9)
    keys = listed(node("TypeNode", "builtins.str"), __id__=9)
    with pytest.raises(NorenError, match=r"builtins\.list in a ListNode under the number of another"):
        load(ridge_holding(listed(functions, mapping(keys, a=text(1)))), tmp_path)


@pytest.mark.parametrize("protocol", [0, 1, 3, True, "2", None])
def test_a_file_of_another_protocol_is_refused(protocol: Any, tmp_path: Path) -> None:
    data = rewritten(skops.io.dumps(Ridge().fit(X, Y)), lambda schema: schema | {"protocol": protocol})
    with pytest.raises(NorenError, match="nobody has reviewed skops protocol"):
        load(data, tmp_path)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"no zip", b"\x80\x04N."])
def test_what_is_no_skops_file_is_named(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(NorenError, match="this is no skops file, or a damaged one"):
        load(data, tmp_path)


def test_a_carried_modules_function_may_be_referred_to_and_never_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noren_own_steps.py").write_text(
        f"def touch(*_):\n    open({str(tmp_path / 'canary')!r}, 'w').close()\n    return []\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    good = ridge_holding(node("FunctionNode", "noren_own_steps.touch"))
    assert load(good, tmp_path, own_modules=["noren_own_steps"]).extra_.__name__ == "touch"
    with pytest.raises(NorenError, match=r"nobody has reviewed noren_own_steps\.touch"):
        load(good, tmp_path)
    called = ridge_holding(listed(name="noren_own_steps.touch"))
    with pytest.raises(NorenError, match="touch in a ListNode"):
        load(called, tmp_path, own_modules=["noren_own_steps"])
    assert not (tmp_path / "canary").exists()


def test_a_link_and_a_pipe_are_refused_without_following_or_waiting(tmp_path: Path) -> None:
    write_model(Ridge().fit(X, Y), tmp_path)
    sha256 = file_sha256(tmp_path / "model.skops")
    (tmp_path / "model.skops").rename(tmp_path / "elsewhere")
    (tmp_path / "model.skops").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NorenError, match="is no plain file"):
        read_model(tmp_path, "skops", sha256=sha256)
    (tmp_path / "model.skops").unlink()
    os.mkfifo(tmp_path / "model.skops")
    with pytest.raises(NorenError, match="is no plain file"):
        read_model(tmp_path, "skops", sha256=sha256)
    (tmp_path / "model.skops").unlink()
    with pytest.raises(NorenError, match="is missing"):
        read_model(tmp_path, "skops", sha256=sha256)


def test_the_bytes_that_were_compared_are_those_that_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(Ridge(alpha=3).fit(X, Y), tmp_path)
    path = tmp_path / "model.skops"
    read = serialise._read_plain

    def read_and_replace(one: Path) -> bytes:
        data = read(one)
        path.write_bytes(skops.io.dumps(Ridge(alpha=4).fit(X, Y)))
        return data

    monkeypatch.setattr(serialise, "_read_plain", read_and_replace)
    assert read_model(tmp_path, "skops", sha256=file_sha256(path)).alpha == 3


def test_a_good_file_has_nothing_that_was_not_reviewed() -> None:
    assert list(find_unreviewed(schema_of(skops.io.dumps(RandomForestClassifier(2).fit(X, Y))))) == []


def resolve(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def test_each_reviewed_name_is_there_a_function_or_a_type_as_the_list_says() -> None:
    assert reviewed_types.READ_WITH[1] >= (1, 9)
    assert all(isinstance(resolve(name), type) for name in TYPES)
    assert all(callable(resolve(name)) and not isinstance(resolve(name), type) for name in FUNCTIONS)
    assert len(set(REVIEWED)) == len(REVIEWED)


@pytest.mark.parametrize("name", sorted(FUNCTIONS | TYPES))
def test_nothing_reviewed_evaluates_imports_or_opens_where_it_is_set_up_or_called(name: str) -> None:
    found = resolve(name)
    if isinstance(found, type):
        parts = [
            vars(base).get(one) for base in found.__mro__ for one in ("__setstate__", "__new__", "__reduce__")
        ]
        sources = [inspect.getsource(part) for part in parts if inspect.isfunction(part)]
    else:
        inner = inspect.unwrap(found)
        sources = [inspect.getsource(inner)] if inspect.isfunction(inner) else []
    for source in sources:
        called = {
            getattr(one.func, "id", getattr(one.func, "attr", ""))
            for one in ast.walk(ast.parse(textwrap.dedent(source)))
            if isinstance(one, ast.Call)
        }
        assert not called & {
            "eval",
            "exec",
            "compile",
            "__import__",
            "import_module",
            "open",
            "loads",
            "system",
        }
