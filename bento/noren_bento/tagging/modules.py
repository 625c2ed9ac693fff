"""The user's own modules that travel with a version (`--with features.py`)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path, PurePosixPath
from types import CodeType

from noren_bento.errors import NorenError
from noren_bento.tagging.serialise import file_sha256, read_checked, require_sha256

MODULES = "modules"
"""Folder of the modules within a version's folder, and within a bento's model folder."""
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


def make_importable(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Let this process import a version's own modules, so that its model loads; return their names.

    `files` are the SHA-256 by path of all that the version's folder holds. Nothing goes on the path: what is listed
    under `modules/` can be imported, and is compiled from the bytes that were compared. So no unlisted file, and no
    cached byte code, is ever imported in its place. Raises NorenError where another module of the same name is
    imported already: one process holds one of them.
    """
    carried = {
        name.removeprefix(f"{MODULES}/"): sha for name, sha in files.items() if name.startswith(f"{MODULES}/")
    }
    for name in carried:
        if not _is_inside(name):
            raise NorenError(f"{folder} lists the module {name!r}, outside its folder. Tag the model again.")
    tops = dict.fromkeys(name.split("/")[0] for name in carried)
    for top in tops:
        imported = getattr(sys.modules.get(Path(top).stem), "__file__", None)
        mine = {name: sha for name, sha in carried.items() if name.split("/")[0] == top}
        if imported is None:
            _finder().carried[Path(top).stem] = (folder / MODULES, mine)
        elif not _same_text(Path(imported), mine):
            raise NorenError(
                f"This process has imported {Path(top).stem!r} from {imported}, and this version carries another one. "
                "Restart the kernel, or load the version in a process of its own."
            )
    return tuple(Path(top).stem for top in tops)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _same_text(imported: Path, carried: Mapping[str, str]) -> bool:
    """Whether what was imported has the sources that are carried, and no others."""
    if imported.name != "__init__.py":
        sources, root = [imported], imported.parent
    else:
        sources, root = sorted(imported.parent.rglob("*.py")), imported.parent.parent
    found = {path.relative_to(root).as_posix(): file_sha256(path) for path in sources if path.is_file()}
    return found == {name: sha for name, sha in carried.items() if name.endswith(".py")}


class CheckedFinder(MetaPathFinder):
    """Finds the modules that versions carry, and of their packages nothing that is not listed."""

    def __init__(self) -> None:
        self.carried: dict[str, tuple[Path, Mapping[str, str]]] = {}
        """By top-level name: the folder it lies in, and the SHA-256 of its files by their path there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        """Find a carried module; raises ModuleNotFoundError for what a carried package does not list."""
        if fullname.partition(".")[0] not in self.carried:
            return None
        folder, files = self.carried[fullname.partition(".")[0]]
        base = fullname.replace(".", "/")
        for name, places in ((f"{base}/__init__.py", [str(folder / base)]), (f"{base}.py", None)):
            if name in files:
                loader = CheckedLoader(fullname, str(folder / name), files[name])
                return spec_from_file_location(
                    fullname, folder / name, loader=loader, submodule_search_locations=places
                )
        for name in (f"{base}{suffix}" for suffix in EXTENSION_SUFFIXES):
            if name in files:
                require_sha256(folder / name, files[name])
                return spec_from_file_location(fullname, folder / name)
        if any(name.startswith(f"{base}/") for name in files):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(folder / base)]
            return spec
        raise ModuleNotFoundError(f"No module named {fullname!r}: it is not carried", name=fullname)


class CheckedLoader(SourceFileLoader):
    """Compiles a source from the bytes whose SHA-256 was compared; neither reads nor writes cached byte code."""

    def __init__(self, fullname: str, path: str, sha256: str) -> None:
        super().__init__(fullname, path)
        self.sha256 = sha256

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the module's code."""
        code: CodeType = self.source_to_code(read_checked(Path(self.path), self.sha256), self.path)
        return code


def _finder() -> CheckedFinder:
    for finder in sys.meta_path:
        if isinstance(finder, CheckedFinder):
            return finder
    finder = CheckedFinder()
    sys.meta_path.insert(0, finder)
    return finder
