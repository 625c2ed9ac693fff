"""What the user's own modules import themselves: recorded where it is installed, named where it would be missing.

Imports inside functions count; those under `if TYPE_CHECKING` do not. One under `try … except ImportError` may be
missing, but what is there when the model is tagged is recorded like any other.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from noren_bento.errors import NorenError
from noren_bento.tagging.digest import Reference
from noren_bento.tagging.inspect import is_installed, source_of


@dataclass(frozen=True, slots=True)
class OwnImport:
    """One import statement of a carried module."""

    module: str
    place: str
    """File and line, such as `features.py, line 3`."""
    optional: bool
    """Whether the module goes on without it."""


def read_imports(paths: Iterable[Path]) -> Iterator[OwnImport]:
    """Yield the imports of modules and package folders; relative ones left out, since their package is carried."""
    for path in paths:
        for file in sorted([path] if path.is_file() else path.rglob("*.py")):
            try:
                tree = ast.parse(file.read_bytes(), filename=str(file))
            except (SyntaxError, ValueError) as error:
                raise NorenError(
                    f"--with {path}: {file} is no Python source ({error}). Correct it, or name another module."
                ) from None
            shown = file.relative_to(path.parent).as_posix()
            yield from _imports_of(tree, shown, optional=False)


def _imports_of(node: ast.AST, file: str, *, optional: bool) -> Iterator[OwnImport]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        names = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and not child.level and child.module:
            names = [child.module]
        for name in names:
            yield OwnImport(name, f"{file}, line {child.lineno}", optional)  # type: ignore[attr-defined]
        may_fail = isinstance(child, ast.Try) and any(map(_catches_import, child.handlers))
        yield from _imports_of(child, file, optional=optional or may_fail)


def _catches_import(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = {one.id for one in ast.walk(handler.type) if isinstance(one, ast.Name)}
    return bool(caught & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def require_carried(paths: Iterable[Path]) -> tuple[Reference, ...]:
    """Return what the user's modules need beyond themselves, for the requirements.

    Raises NorenError where one of them needs a module that is neither installed nor carried.
    """
    paths = tuple(paths)
    own = {path.stem for path in paths}
    needed: dict[str, Reference] = {}
    for one in read_imports(paths):
        top = one.module.partition(".")[0]
        if top in own or top in sys.stdlib_module_names or top in sys.builtin_module_names:
            continue
        if _is_there(top) and is_installed(top):
            needed.setdefault(top, Reference(one.module, "", one.place))
        elif _is_there(top):
            flags = " ".join(f"--with {path.name}" for path in paths)
            raise NorenError(
                f"{one.place}, imports {one.module}, a module of yours that is not carried, so it does not exist where "
                f"the model is served. Tag {flags} --with {source_of(top)}."
            )
        elif not one.optional:
            raise NorenError(
                f"{one.place}, imports {one.module}, which is neither installed here nor carried. "
                "Install what provides it, remove the import, or tag --with its source."
            )
    return tuple(needed.values())


def _is_there(top: str) -> bool:
    if top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
