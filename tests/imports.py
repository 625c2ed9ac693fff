"""Who imports whom, read from the sources: what the tests of the layers and of their weight look at."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = {
    "noren_lab": "extension",
    "noren": "magics",
    "noren_validation": "notebooks",
    "noren_bento": "bento",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement of one of our modules."""

    importer: str
    imported: str
    """A module of ours in full; of others what the statement names."""
    line: int
    lazy: bool
    """Inside a function, so that it costs only whoever calls it."""

    @property
    def folder(self) -> str:
        """The importer's folder, such as `noren_bento/stores`."""
        path = modules()[self.importer]
        return "/".join(path.relative_to(_root_of(self.importer)).parent.parts)

    def __str__(self) -> str:
        return f"{modules()[self.importer].relative_to(REPOSITORY)}:{self.line} imports {self.imported}"


@lru_cache(maxsize=1)
def modules() -> Mapping[str, Path]:
    """All our modules by name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted((REPOSITORY / folder / package).rglob("*.py")):
            parts = path.relative_to(REPOSITORY / folder).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@lru_cache(maxsize=1)
def imports() -> tuple[Import, ...]:
    """Every import that runs; those for type checkers alone are left out."""
    return tuple(one for name, path in modules().items() for one in _read(name, path))


def cycles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return one path for each way back to where one came from.

    >>> cycles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})
    [['a', 'b', 'c', 'a']]
    """
    found: list[list[str]] = []
    done: set[str] = set()

    def follow(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for other in graph.get(name, ()):
                follow(other, [*path, name])
            done.add(name)

    for name in graph:
        follow(name, [])
    return found


def _read(name: str, path: Path) -> Iterator[Import]:
    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(name, alias.name, child.lineno, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}:{child.lineno}: relative import"
                assert child.module
                for alias in child.names:
                    whole = f"{child.module}.{alias.name}"
                    yield Import(name, whole if whole in modules() else child.module, child.lineno, lazy)
            yield from walk(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), False)


def _root_of(name: str) -> Path:
    return REPOSITORY / PACKAGES[name.partition(".")[0]]
