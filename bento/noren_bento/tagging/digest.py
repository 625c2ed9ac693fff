"""The canonical digest of a fitted model: over its types, parameters and arrays, never over file bytes.

Two fits with the same state have the same digest, and so has a model that was written and read again. What is left
out has no say in any answer: library version marks, caches, thread counts, spent random generators, memory padding.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.tagging.foreign_state import read_foreign_state

SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})
CALLABLES = (types.FunctionType, types.BuiltinFunctionType, type)

UNUSED: Mapping[str, frozenset[str]] = {
    "BaseHistGradientBoosting": frozenset({"_random_seed"}),
    "BaseSearchCV": frozenset({"cv_results_", "refit_time_"}),
    "Bunch": frozenset({"_deprecated_key_to_warnings"}),
    "_BinMapper": frozenset({"n_threads", "random_state"}),
}
"""Attributes of scikit-learn classes that no prediction reads: seeds, times, marks."""

GENERATORS = (np.random.RandomState, np.random.Generator, np.random.BitGenerator, np.random.SeedSequence)


@dataclass(frozen=True, slots=True)
class Reference:
    """A class or function that a model needs where it is loaded."""

    module: str
    qualname: str
    place: str
    """Where in the model it was found first, such as `model.steps[0][1].func`."""

    def __str__(self) -> str:
        return f"{self.module}.{self.qualname}"


@dataclass(frozen=True, slots=True)
class FittedState:
    """What a walk through a model finds."""

    digest: str
    """SHA-256, 64 hex digits."""
    references: tuple[Reference, ...]


def read_state(model: object, sources: Iterable[bytes] = ()) -> FittedState:
    """Walk through a fitted model. `sources` are the sources of modules that travel with it: its code is state too.

    Raises NorenError for what cannot be written down, such as an open file or a lock inside.

    >>> from sklearn.preprocessing import StandardScaler
    >>> one, two = StandardScaler().fit([[0.0], [1.0]]), StandardScaler().fit([[0.0], [1.0]])
    >>> read_state(one).digest == read_state(two).digest
    True
    """
    walk = _Walk()
    try:
        digest = walk.hash(model, "model")
    except RecursionError:
        raise NorenError(
            f"{type(model).__name__} is nested too deeply to be tagged. Flatten the objects that it holds."
        ) from None
    codes = sorted(hashlib.sha256(source).digest() for source in sources)
    if codes:
        digest = _hash(b"with sources", digest, *codes)
    return FittedState(digest.hex(), tuple(walk.references.values()))


def _hash(*parts: bytes) -> bytes:
    """Hash a sequence of parts so that no other sequence has the same bytes."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.digest()


class _Walk:
    """One pass over an object graph. Each object's hash is kept, so shared objects cost once."""

    def __init__(self) -> None:
        self.references: dict[tuple[str, str], Reference] = {}
        self.known: dict[int, bytes] = {}
        self.alive: list[object] = []  # ids in `known` stay unique only while their objects live
        self.depths: dict[int, int] = {}
        self.lowest_loop = 0

    def hash(self, value: Any, place: str) -> bytes:
        kind = type(value)
        if kind in SCALARS:
            return _hash(kind.__name__.encode(), repr(value).encode(errors="surrogatepass"))
        key = id(value)
        if key in self.known:
            return self.known[key]
        depth = len(self.depths)
        if key in self.depths:  # a loop: named by how far up it leads
            self.lowest_loop = min(self.lowest_loop, self.depths[key])
            return _hash(b"loop", str(depth - self.depths[key]).encode())
        outer, self.lowest_loop = self.lowest_loop, depth
        self.depths[key] = depth
        try:
            digest = self._hash_object(value, place)
        finally:
            del self.depths[key]
        if self.lowest_loop >= depth:  # inside a loop the hash depends on the way in
            self.known[key] = digest
            self.alive.append(value)
        self.lowest_loop = min(outer, self.lowest_loop)
        return digest

    def _hash_object(self, value: Any, place: str) -> bytes:
        if isinstance(value, np.ndarray):
            return self._hash_array(value, place)
        if isinstance(value, np.generic):
            return _hash(b"scalar", value.dtype.str.encode(), value.tobytes())
        if isinstance(value, np.dtype):
            return _hash(b"dtype", repr(value).encode())
        if isinstance(value, GENERATORS):
            return _hash(b"generator", type(value).__name__.encode())
        if isinstance(value, CALLABLES):
            return self._refer(value, place)
        if isinstance(value, np.ufunc):
            return self._name("numpy", value.__name__, place)
        if isinstance(value, types.ModuleType):
            return _hash(b"module", value.__name__.encode())
        if type(value) in (list, tuple):
            return self._hash_sequence(value, place)
        if type(value) is dict:
            return _hash(b"dict", *self._hash_items(value, place))
        if type(value) in (set, frozenset):
            return _hash(b"set", *sorted(self.hash(item, f"{place} item") for item in value))
        if type(value).__module__.partition(".")[0] == "pandas" and (parts := _pandas_parts(value)):
            return _hash(self._refer(type(value), place), self.hash(parts, place))
        if type(value).__module__.startswith("scipy.sparse"):
            return self._hash_sparse(value, place)
        if (foreign := read_foreign_state(value)) is not None:
            return _hash(b"foreign", self._refer(type(value), place), self.hash(foreign, place))
        return self._hash_instance(value, place)

    def _hash_array(self, value: NDArray[Any], place: str) -> bytes:
        shape = repr(value.shape).encode()
        if value.dtype.names:  # field by field: the padding between fields is anything
            fields = [self.hash(np.asarray(value[name]), place) for name in value.dtype.names]
            return _hash(b"records", shape, repr(value.dtype.names).encode(), *fields)
        if value.dtype.hasobject:
            return _hash(b"objects", shape, self.hash(value.ravel().tolist(), place))
        return _hash(b"array", value.dtype.str.encode(), shape, np.ascontiguousarray(value).tobytes())

    def _hash_sequence(self, value: list[Any] | tuple[Any, ...], place: str) -> bytes:
        kind = type(value).__name__.encode()
        if SCALARS.issuperset(map(type, value)):
            return _hash(kind, b"plain", repr(value).encode(errors="surrogatepass"))
        return _hash(kind, *(self.hash(item, f"{place}[{number}]") for number, item in enumerate(value)))

    def _hash_items(self, value: Mapping[Any, Any], place: str) -> list[bytes]:
        return sorted(
            _hash(self.hash(key, f"{place} key"), self.hash(item, f"{place}[{key!r:.40}]"))
            for key, item in value.items()
        )

    def _hash_sparse(self, value: Any, place: str) -> bytes:
        matrix = value.tocsr(copy=True)
        matrix.sum_duplicates()
        parts = [value.shape, matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)]
        return _hash(self._refer(type(value), place), self.hash(parts, place))

    def _hash_instance(self, value: Any, place: str) -> bytes:
        kind = type(value)
        self._refer(kind, place)
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            raise NorenError(
                f"{place} is a {kind.__module__}.{kind.__qualname__}, which cannot be stored ({error}). "
                "Remove it from the model before tagging, or give the class a __getstate__ that leaves it out."
            ) from error
        if isinstance(reduced, str):
            return self._name(_module_of(value), reduced, place)
        function, arguments, *rest = reduced
        state, items, pairs = [*rest, None, None, None][:3]
        parts = [self._refer(function, place), self.hash(tuple(arguments), place)]
        parts.append(self._hash_state(kind, state, place))
        parts.extend(self.hash(item, f"{place}[{number}]") for number, item in enumerate(items or ()))
        parts.extend(self._hash_items(dict(pairs), place) if pairs is not None else ())
        return _hash(b"instance", *parts)

    def _hash_state(self, kind: type, state: Any, place: str) -> bytes:
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):  # with __slots__
            state = {**(state[0] or {}), **state[1]}
        if kind.__module__ in ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"):
            state = (*state[:7], *state[11:])  # between them: counters of queries
        if kind.__name__ == "Tree" and kind.__module__ == "sklearn.tree._tree":
            state = {**state, "nodes": _settled_nodes(state["nodes"])}
        if state is not None and not isinstance(state, dict):
            return self.hash(state, place)
        unused = _unused_attributes(kind)
        kept = ((name, item) for name, item in (state or {}).items() if name not in unused)
        return _hash(
            b"state",
            *sorted(_hash(str(name).encode(), self.hash(item, f"{place}.{name}")) for name, item in kept),
        )

    def _refer(self, target: Any, place: str) -> bytes:
        if not hasattr(target, "__qualname__"):
            return self.hash(target, place)
        return self._name(_module_of(target), target.__qualname__, place)

    def _name(self, module: str, qualname: str, place: str) -> bytes:
        self.references.setdefault((module, qualname), Reference(module, qualname, place))
        return _hash(b"reference", module.encode(), qualname.encode())


def _module_of(target: Any) -> str:
    module = getattr(target, "__module__", None)
    return module if isinstance(module, str) else "builtins"


@functools.cache
def _unused_attributes(kind: type) -> frozenset[str]:
    """Attributes that no prediction reads: marks, caches, and what UNUSED lists for scikit-learn."""
    names = {"_sklearn_version"}
    for base in kind.__mro__:
        names.update(name for name, item in vars(base).items() if isinstance(item, functools.cached_property))
        if base.__module__.startswith("sklearn."):
            names |= UNUSED.get(base.__name__, frozenset())
    return frozenset(names)


def _settled_nodes(nodes: NDArray[Any]) -> NDArray[Any]:
    """A tree's nodes without the field that scikit-learn leaves uninitialised in leaves."""
    settled = nodes.copy()
    settled["missing_go_to_left"][settled["left_child"] == -1] = 0
    return settled


def _pandas_parts(value: Any) -> list[Any] | None:
    """What makes up a pandas object, free of how it lies in memory; None for other kinds."""
    import pandas as pd

    if isinstance(value, pd.CategoricalDtype):
        return [value.categories, value.ordered]
    if isinstance(value, pd.api.extensions.ExtensionDtype):
        return [str(value)]
    if isinstance(value, pd.DataFrame):
        return [value.columns, value.index, *(value.iloc[:, number] for number in range(value.shape[1]))]
    if isinstance(value, pd.Series):
        return [value.dtype, value.name, value.index, value.to_numpy()]
    if isinstance(value, pd.Index):
        return [value.dtype, list(value.names), value.to_numpy()]
    return None
