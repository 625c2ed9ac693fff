"""The user's own modules that travel with a version (`--with features.py`)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from noren_bento.errors import NorenError

SKIPPED = ("__pycache__", "*.pyc", ".*")


def require_modules(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the paths, absolute, when each is a module (`features.py`) or a package folder, else raise."""
    found: dict[str, Path] = {}
    for path in paths:
        absolute = Path(path).expanduser().absolute()
        if not (absolute.suffix == ".py" and absolute.is_file()) and not (absolute / "__init__.py").is_file():
            raise NorenError(
                f"--with {path}: there is no module here. Name a file such as features.py, "
                "or a package folder with an __init__.py."
            )
        name = absolute.stem
        if not name.isidentifier() or name in sys.stdlib_module_names:
            raise NorenError(
                f"--with {path}: {name!r} cannot be imported under this name. Rename the module."
            )
        if found.setdefault(name, absolute) != absolute:
            raise NorenError(f"--with names two modules {name!r}: {found[name]} and {absolute}. Rename one.")
        _require_same_source(name, absolute)
    return tuple(found.values())


def _require_same_source(name: str, path: Path) -> None:
    imported = getattr(sys.modules.get(name), "__file__", None)
    source = path if path.is_file() else path / "__init__.py"
    if imported is not None and Path(imported).resolve() != source.resolve():
        raise NorenError(
            f"--with {path}: the model was fitted with {name!r} from {imported}. "
            "Name that file, or import this one and fit again."
        )


def read_sources(paths: Iterable[Path]) -> list[bytes]:
    """Return the name and text of each source file, for the digest."""
    return [
        f"{file.relative_to(path.parent).as_posix()}\0".encode() + file.read_bytes()
        for path in paths
        for file in sorted([path] if path.is_file() else path.rglob("*.py"))
    ]


def copy_modules(paths: Iterable[Path], folder: Path) -> None:
    """Copy modules into a folder, without caches and hidden files."""
    for path in paths:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            shutil.copy2(path, folder / path.name)
        else:
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns(*SKIPPED))


def make_importable(paths: Iterable[Path]) -> None:
    """Put a version's modules on this process's path, so that its model loads.

    Raises NorenError where another module of the same name is imported already: one process holds one of them.
    """
    for path in paths:
        imported = getattr(sys.modules.get(path.stem), "__file__", None)
        if imported is not None and not _same_text(Path(imported), path):
            raise NorenError(
                f"This process has imported {path.stem!r} from {imported}, and this version carries another one. "
                "Restart the kernel, or load the version in a process of its own."
            )
        if imported is None and str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))


def _same_text(imported: Path, path: Path) -> bool:
    if path.is_dir():
        return imported.name == "__init__.py" and read_sources([imported.parent]) == read_sources([path])
    return imported.is_file() and imported.read_bytes() == path.read_bytes()
