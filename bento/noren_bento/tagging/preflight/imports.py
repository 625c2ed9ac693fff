"""The imports of a clean process: the standard library, what the version requires, and nothing else of this machine.

What a requirement brings is read from the installed metadata, its own requirements included, markers honoured. The
hook goes in after the rows were read, which takes pandas and pyarrow: what is loaded by then and may not be imported
is taken out of `sys.modules` again. pyarrow stays where pandas is required, since pandas has bound itself to it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib import metadata
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "noren_bento"


def allowed_modules(requirements: Iterable[str]) -> frozenset[str]:
    """Top-level modules of these requirements and of all that they require.

    >>> sorted(allowed_modules(["joblib==1"]))
    ['cloudpickle', 'joblib']
    """
    seen: set[tuple[str, frozenset[str]]] = set()
    modules: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        tops, needs = _read_distribution(key[0])
        modules |= tops
        extras = [{"extra": extra} for extra in ("", *requirement.extras)]
        waiting += [
            need
            for need in needs
            if need.marker is None or any(need.marker.evaluate(extra) for extra in extras)
        ]
    return frozenset(modules)


@functools.cache
def _read_distribution(name: str) -> tuple[frozenset[str], tuple[Requirement, ...]]:
    """The top-level modules of a distribution, and what it requires; nothing for what is not installed."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return frozenset(), ()
    declared = (distribution.read_text("top_level.txt") or "").split()
    tops = {*declared, *_recorded_tops(distribution.read_text("RECORD") or "")}
    needs = tuple(Requirement(text) for text in distribution.requires or ())
    return frozenset(tops or {name.replace("-", "_")}), needs


def _recorded_tops(record: str) -> Iterator[str]:
    for line in record.splitlines():
        first, slash, rest = line.strip('"').partition("/")
        if slash and rest and "." not in first:
            yield first
        elif not slash and first.partition(",")[0].endswith((".py", ".so", ".pyd")):
            yield first.partition(".")[0]


class ClosedImports(MetaPathFinder):
    """Finds what may be imported with the finders that were there before, and notes what else was asked for."""

    def __init__(self, allowed: Collection[str], finders: Sequence[Any]) -> None:
        self.allowed = {*allowed, *sys.stdlib_module_names, *sys.builtin_module_names, OURS, "__main__"}
        self.finders = finders
        self.refused: dict[str, str] = {}
        """Top-level modules that something tried to import, each with the first module that did."""
        self.removed: list[ModuleType] = []  # others still refer to them: they must not be taken apart

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """Find a module, or None as where it is not installed."""
        top = fullname.partition(".")[0]
        if top not in self.allowed:
            self.refused.setdefault(top, _importer())
            return None
        for finder in self.finders:
            found: ModuleSpec | None = finder.find_spec(fullname, path, target)
            if found is not None:
                return found
        return None

    def find_distributions(self, *arguments: Any) -> Iterator[Any]:
        """Find installed metadata: libraries read their own version there."""
        for finder in self.finders:
            if hasattr(finder, "find_distributions"):
                yield from finder.find_distributions(*arguments)

    def invalidate_caches(self) -> None:
        """Forget listings of folders."""
        for finder in self.finders:
            if hasattr(finder, "invalidate_caches"):
                finder.invalidate_caches()

    def forget(self) -> None:
        """Take what may not be imported out of what is loaded."""
        for name, module in list(sys.modules.items()):
            held = vars(module)  # asking the module, or whether a namespace is empty, would import
            from_disk = held.get("__file__") is not None or held.get("__path__") is not None
            if from_disk and name.partition(".")[0] not in self.allowed:
                self.removed.append(module)
                sys.modules.pop(name, None)


def close_imports(requirements: Iterable[str]) -> ClosedImports:
    """From now on, let this process import only what these requirements bring."""
    allowed = set(allowed_modules(requirements))
    if "pandas" in allowed:
        allowed.add("pyarrow")
    closed = ClosedImports(allowed, list(sys.meta_path))
    sys.meta_path[:] = [closed]
    closed.forget()
    return closed


def _importer() -> str:
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "?"))
