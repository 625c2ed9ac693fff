"""Closure: the modules of this package that serving imports, by their import statements. A bento carries them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import noren_bento

ROOT = Path(noren_bento.__file__).parent
PACKAGE = "noren_bento"
START = ("noren_bento.serving.service", "noren_bento.serving.predictor", "noren_bento.serving.rehearsal")


def find_closure(start: tuple[str, ...] = START) -> tuple[Path, ...]:
    """Files of this package that the given modules import, themselves included; relative to the package's parent.

    Imports inside functions count; those under `if TYPE_CHECKING` do not.

    >>> [path.name for path in find_closure(("noren_bento.errors",))]
    ['__init__.py', 'errors.py']
    """
    found: dict[str, Path] = {}
    waiting = list(start)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        path = _file_of(module)
        if path is None:
            continue
        found[module] = path
        waiting += [parent for parent in _parents(module) if parent not in found]
        waiting += _imports(path)
    return tuple(sorted(path.relative_to(ROOT.parent) for path in found.values()))


def _file_of(module: str) -> Path | None:
    place = ROOT.parent.joinpath(*module.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def _parents(module: str) -> list[str]:
    names = module.split(".")
    return [".".join(names[:count]) for count in range(1, len(names))]


def _imports(path: Path) -> Iterator[str]:
    for node in _without_typing(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _without_typing(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _without_typing(child)
