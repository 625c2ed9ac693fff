"""The repository itself: what is tracked works on every machine, and what is installed is typed and complete."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import lru_cache
from pathlib import Path

import pytest

from tests.imports import PACKAGES, REPOSITORY
from tools.install import read_settings, uv_variables

LOCKS = re.compile(r"(constraints|requirements).*\.txt|.*lock(\.json)?|.*\.toml|\.npmrc|\.yarnrc.*")
# A home folder, a temporary folder or a root's folder of somebody: written so that this file does not match itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:root|home/[a-z][\w-]*|Users/[A-Za-z][\w-]*|tmp/[\w.-]*\d[\w.-]*|work/main)/"
)
MOST_BYTES = 1_500_000


@lru_cache(maxsize=1)
def tracked() -> tuple[Path, ...]:
    """Tracked files, and those that would be at the next `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    paths = (REPOSITORY / name.decode() for name in done.stdout.split(b"\0") if name)
    return tuple(path for path in paths if path.is_file())


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(REPOSITORY), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = [
        f"{path}: {match[0]}"
        for path, text in texts()
        if path.parts[0] != "tests" or path.suffix == ".ipynb"
        for match in MACHINE_PATH.finditer(text)
    ]
    assert found == []


def test_what_pins_packages_names_no_place_to_take_them_from() -> None:
    address = re.compile(
        r"--(?:extra-)?index-url|--find-links|^registry|@ (?:file|https?):|https?://\S+\.(?:whl|t(?:ar\.)?gz)"
    )
    found = [
        f"{path}: {line}"
        for path, text in texts()
        if LOCKS.fullmatch(path.name)
        for line in text.splitlines()
        if address.search(line)
    ]
    assert found == []


def test_constraints_pin_every_dependency_exactly() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+-]+", line) for line in pins)
    pinned = {_normal(line.partition("==")[0]) for line in pins}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {_normal(re.split(r"[<>=;\[ ]", line)[0]) for line in wanted} <= pinned


def test_no_tracked_file_is_large() -> None:
    large = [f"{path}: {path.stat().st_size:,}" for path in tracked() if path.stat().st_size > MOST_BYTES]
    assert large == []


def test_notebooks_are_tracked_without_outputs_that_tell_of_a_machine() -> None:
    for path, text in texts():
        if path.suffix == ".ipynb":
            assert not re.search(r'"(?:image/png|application/vnd\.jupyter\.widget-state\+json)"', text), path


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_is_typed_and_part_of_the_wheel(package: str) -> None:
    folder = f"{PACKAGES[package]}/{package}"
    assert (REPOSITORY / folder / "py.typed").is_file()
    assert (REPOSITORY / folder / "__init__.py").read_text().startswith('"""')
    build = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert folder in build["targets"]["wheel"]["packages"]


def test_ci_runs_the_command_that_the_readme_names() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()
    readme = (REPOSITORY / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme


def test_the_installer_tells_uv_what_pip_is_told() -> None:
    lines = [
        "global.index-url='https://packages.example/simple'",
        "global.timeout='60'",
        ":env:.timeout='9'",
        ":env:.find-links='/ /not-there https://wheels.example'",
        "wheel.timeout='1'",
    ]
    assert uv_variables(read_settings(reversed(lines))) == {
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "UV_HTTP_TIMEOUT": "9",
        "UV_FIND_LINKS": "/,https://wheels.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
