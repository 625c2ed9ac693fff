"""The layers: imports point one way, what decides is pure, what is heavy stays in one place."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.imports import PACKAGES, REPOSITORY, Import, cycles, imports, modules

BELOW = {
    "noren_lab": {"noren_validation", "noren_bento"},
    "noren": {"noren_validation", "noren_bento"},
    "noren_validation": {"noren_bento"},
    "noren_bento": set(),
}
"""What each package may import besides itself."""

PURE = (
    "noren_bento.release",
    "noren_bento.profile",
    "noren_bento.drift",
    "noren_bento.guardrails",
    "noren_bento.traffic.envoy_config",
)
PURE_MODULES = ("noren_bento.errors",)
PURE_LIBRARIES = {"numpy", "scipy"}
PURE_EXCEPTIONS = {("noren_bento.drift.report", "pandas")}  # DriftReport.to_frame(), inside the function
WORLDLY = {
    "asyncio",
    "datetime",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
"""The parts of the standard library that reach a disk, a network, a clock, chance or another thread."""

HEAVY_HOMES = {
    "bentoml": {"noren_bento/bento_build", "noren_bento/serving"},
    "mlflow": {"noren_bento/stores"},
    "sqlalchemy": {"noren_bento/stores"},
    "papermill": {"noren_validation"},
    "jupyter_client": {"noren_validation"},
    "onnx": {"noren_bento/compile"},
    "skl2onnx": {"noren_bento/compile"},
    "onnxruntime": {"noren_bento/serving"},
    "starlette": {"noren_bento/control"},
    "uvicorn": {"noren_bento/control", "noren_bento/serving"},
    "anywidget": {"noren"},
    "IPython": {"noren"},
    "click": {"noren"},
}
"""The folders in which a library is imported. BentoML has two: one describes the service, the other builds it; and
uvicorn, on which control runs, and of which a service sets the limits."""

LAZY = {
    "bentoml",
    "mlflow",
    "papermill",
    "nbconvert",
    "nbclient",
    "onnx",
    "skl2onnx",
    "onnxruntime",
    "pandas",
    "sklearn",
    "skops",
    "supervisor",
    "httpx",
}
"""Never imported with a module of ours, only by the function that needs it."""
ALWAYS = {"noren_validation.engine", "noren.view"}
"""Modules that are nothing without a heavy library, and are themselves imported inside functions only."""


def third_party() -> list[Import]:
    ours_or_standard = set(PACKAGES) | sys.stdlib_module_names
    return [one for one in imports() if one.imported.partition(".")[0] not in ours_or_standard]


def listed(found: list[Import]) -> str:
    return "\n".join(map(str, found))


def test_a_package_imports_only_packages_below_it() -> None:
    wrong = [
        one
        for one in imports()
        if (top := one.imported.partition(".")[0]) in PACKAGES
        and top != (own := one.importer.partition(".")[0])
        and top not in BELOW[own]
    ]
    assert not wrong, listed(wrong)


def test_no_modules_import_each_other_in_a_circle_not_even_lazily() -> None:
    graph = {name: sorted({one.imported for one in imports() if one.importer == name}) for name in modules()}
    assert cycles({name: [one for one in them if one in modules()] for name, them in graph.items()}) == []


@pytest.mark.parametrize("folder", [*PURE, *PURE_MODULES])
def test_what_decides_reaches_neither_disk_nor_network_nor_clock_nor_chance(folder: str) -> None:
    def is_pure(imported: str) -> bool:
        top = imported.partition(".")[0]
        if top in PACKAGES:
            return imported.startswith((*PURE, *PURE_MODULES))
        return top in PURE_LIBRARIES or (top in sys.stdlib_module_names and top not in WORLDLY)

    inside = [one for one in imports() if one.importer == folder or one.importer.startswith(folder + ".")]
    wrong = [
        one
        for one in inside
        if not is_pure(one.imported) and not (one.lazy and (one.importer, one.imported) in PURE_EXCEPTIONS)
    ]
    assert not wrong, listed(wrong)
    for name, path in modules().items():
        if name == folder or name.startswith(folder + "."):
            called = re.findall(r"\b(?:open|print|input)\(|\.random\b", path.read_text(encoding="utf-8"))
            assert not called, f"{name} calls {called}"


@pytest.mark.parametrize("library", sorted(HEAVY_HOMES))
def test_a_heavy_library_is_imported_in_its_own_folder_only(library: str) -> None:
    mine = [one for one in third_party() if one.imported.partition(".")[0] == library]
    wrong = [one for one in mine if one.folder not in HEAVY_HOMES[library]]
    assert not wrong, listed(wrong)
    assert mine, f"nothing imports {library} any more: take it out of this table and of pyproject.toml"


def test_heavy_libraries_are_imported_by_the_function_that_needs_them() -> None:
    wrong = [
        one
        for one in third_party()
        if one.imported.partition(".")[0] in LAZY and not one.lazy and one.importer not in ALWAYS
    ]
    assert not wrong, listed(wrong)
    wrong = [one for one in imports() if one.imported in ALWAYS and not one.lazy]
    assert not wrong, listed(wrong)


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [line for name, one in project["optional-dependencies"].items() if name != "dev" for line in one]
    declared = {_normal(re.split(r"[<>=;\[ ]", line)[0]) for line in [*project["dependencies"], *extras]}
    providers = packages_distributions()
    # What an extra brings may not be installed here: then the module's name stands for the distribution's.
    wrong = [
        one
        for one in third_party()
        if (top := one.imported.partition(".")[0])
        and not declared & {_normal(name) for name in providers.get(top, [top])}
    ]
    assert not wrong, listed(wrong)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
