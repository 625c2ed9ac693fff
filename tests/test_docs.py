"""The documentation under test: it has everything that there is, and names nothing that there is not."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import get_args

import click
import pytest
from IPython.core.magic_arguments import MagicArgumentParser

import noren
from noren.cli import main
from noren.magics import NorenMagics
from noren_bento.control.api import make_app
from noren_bento.control.snapshot import Snapshot
from noren_bento.release import event
from noren_bento.release.release import State
from noren_bento.settings import Settings, load_settings
from tests.imports import REPOSITORY

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "*/README.md")
SETTINGS, COMMANDS, ARCHITECTURE = "docs/settings.md", "docs/commands.md", "docs/architecture.md"
MAGICS: tuple[str, ...] = tuple(sorted(NorenMagics.magics["line"]))  # type: ignore[attr-defined]


@lru_cache
def read(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def pages() -> list[str]:
    return sorted(str(path.relative_to(REPOSITORY)) for glob in PAGES for path in REPOSITORY.glob(glob))


def row_of(page: str, first_cell: str) -> str:
    """The table row that begins with this cell."""
    rows = [line for line in read(page).splitlines() if line.startswith(f"| `{first_cell}` ")]
    assert len(rows) == 1, f"{page} has {len(rows)} rows for {first_cell!r}"
    return rows[0]


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_each_setting_is_documented_with_its_variable_and_its_default(field) -> None:
    row = row_of(SETTINGS, field.name)
    assert f"`NOREN_{field.name.upper()}`" in row
    if isinstance(field.default, str | int | float):
        assert f"`{field.default}`" in row


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \| `NOREN_", read(SETTINGS), re.MULTILINE))
    assert documented == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("magic", MAGICS)
def test_each_magic_is_documented_with_its_options(magic: str) -> None:
    assert f"`%{magic}" in read(COMMANDS)
    parser = getattr(getattr(NorenMagics, magic), "parser", None)
    assert parser is None or isinstance(parser, MagicArgumentParser)
    for action in parser._actions if parser else ():
        for option in action.option_strings:
            assert f"| `{option}` |" in read(COMMANDS), f"%{magic} {option}"


@pytest.mark.parametrize("name", noren.__all__)
def test_each_public_name_is_documented(name: str) -> None:
    assert re.search(rf"\bnoren\.{name}\b", read(COMMANDS))


@pytest.mark.parametrize("command", sorted(main.commands))
def test_each_shell_command_is_documented_with_its_options(command: str) -> None:
    assert f"`noren {command}" in read(COMMANDS)
    for parameter in main.commands[command].params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"| `{option}` |" in read(COMMANDS), f"noren {command} {option}"


@pytest.mark.parametrize("page", pages())
def test_pages_name_only_magics_functions_and_commands_that_exist(page: str) -> None:
    code = re.findall(r"```.*?\n(.*?)```|`([^`\n]+)`", read(page), re.DOTALL)
    for text in (block or span for block, span in code):
        for magic in re.findall(r"(?:^|\n)%(\w+)", text):
            assert magic in (*MAGICS, "load_ext"), f"{page}: %{magic}"
        for name in re.findall(r"(?<![\w./])noren\.(\w+)", text):
            assert hasattr(noren, name) or name == "toml", f"{page}: noren.{name}"
        for command in re.findall(r"(?:^|\n)noren (?:--home \S+ )?(\w+)", text):
            assert command in main.commands, f"{page}: noren {command}"


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#\s]*)#?([^)\s]*)\)", read(page)):
        path = (REPOSITORY / page).parent / target if target else REPOSITORY / page
        assert path.exists(), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {_anchor_of(heading) for heading in headings}, f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", pages())
def test_python_and_toml_in_pages_can_be_read(page: str) -> None:
    for language, block in re.findall(r"```(python|toml)\n(.*?)```", read(page), re.DOTALL):
        if language == "toml":
            tomllib.loads(block)
        elif "…" not in block:
            ast.parse(re.sub(r"^%.*", "pass", block, flags=re.MULTILINE))


def test_each_kind_of_event_and_each_state_is_in_the_picture() -> None:
    for kind in get_args(event.Body):
        row_of(ARCHITECTURE, event.kind_of(kind))
    for state in State:
        assert state.value in read(ARCHITECTURE)
    for action in event.ACTIONS:
        assert action in row_of(ARCHITECTURE, "requested")


def test_each_folder_of_noren_bento_is_in_the_picture() -> None:
    for folder in sorted((REPOSITORY / "bento" / "noren_bento").iterdir()):
        if (folder / "__init__.py").exists():
            row_of(ARCHITECTURE, f"{folder.name}/")


def test_each_route_of_the_control_api_is_documented() -> None:
    class Nothing:
        """Routes are made without asking the controller anything."""

        journal = None

    settings = load_settings({"home": "/srv/noren"}, environ={}, folder=Path("/"))
    for route in make_app(Nothing(), settings, dict).routes:  # type: ignore[arg-type]
        for method in route.methods - {"HEAD"}:  # type: ignore[attr-defined]
            assert f"`{method} {route.path}`" in read(ARCHITECTURE)  # type: ignore[attr-defined]


def test_files_that_the_picture_names_exist() -> None:
    for name in re.findall(r"`((?:release|profile|control|traffic)/\w+\.py)`", read(ARCHITECTURE)):
        assert (REPOSITORY / "bento" / "noren_bento" / name).is_file(), name
    assert Snapshot.__module__ == "noren_bento.control.snapshot"


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## \[(?:Unreleased|{re.escape(version)})\]", read("CHANGELOG.md"), re.MULTILINE)
    assert version in read("CHANGELOG.md")


def test_each_make_target_is_documented_where_it_is_and_for_contributors() -> None:
    makefile = read("Makefile")
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    assert set(targets) == set(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE))
    for target in targets:
        assert f"make {target}" in read("CONTRIBUTING.md"), target


def test_there_is_a_page_for_each_place_that_the_readme_promises() -> None:
    for page in (SETTINGS, COMMANDS, ARCHITECTURE, "CONTRIBUTING.md", "LICENSE"):
        assert Path(REPOSITORY / page).is_file()


def _anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
