"""What carried modules import is recorded where it is installed, and named where it would be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from noren_bento.errors import NorenError
from noren_bento.tagging.inspect import is_installed, source_of
from noren_bento.tagging.own_imports import read_imports, require_carried


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_imports_are_found_wherever_they_stand_except_for_type_checkers_and_within_the_package(
    tmp_path: Path,
) -> None:
    write(tmp_path, "steps/__init__.py", "from . import inner\nimport numpy.linalg as la, json\n")
    write(
        tmp_path,
        "steps/inner.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n\n\n"
        "def f():\n    from yaml import load\n    try:\n        import cupy\n"
        "    except (ImportError, OSError):\n        pass\n",
    )
    found = [(one.module, one.place, one.optional) for one in read_imports([tmp_path / "steps"])]
    assert found == [
        ("numpy.linalg", "steps/__init__.py, line 2", False),
        ("json", "steps/__init__.py, line 2", False),
        ("typing", "steps/inner.py, line 1", False),
        ("yaml", "steps/inner.py, line 7", False),
        ("cupy", "steps/inner.py, line 9", True),
    ]


def test_what_is_installed_is_returned_for_the_requirements_and_what_is_missing_may_be_optional(
    tmp_path: Path,
) -> None:
    steps = write(
        tmp_path,
        "steps.py",
        "import json\nimport yaml\nimport steps\ntry:\n    import not_there\nexcept ImportError:\n    pass\n",
    )
    assert [(one.module, one.place) for one in require_carried([steps])] == [("yaml", "steps.py, line 2")]


def test_a_module_of_the_users_that_is_not_carried_is_named_and_is_fine_once_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    steps = write(tmp_path, "outer_steps.py", "def f():\n    import inner_steps.deep\n")
    write(tmp_path, "inner_steps/__init__.py", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        NorenError, match=r"outer_steps\.py, line 2, imports inner_steps\.deep.*--with inner_steps\."
    ):
        require_carried([steps])
    assert require_carried([steps, tmp_path / "inner_steps"]) == ()


def test_a_source_that_python_cannot_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NorenError, match=r"broken\.py is no Python source"):
        require_carried([write(tmp_path, "broken.py", "def f(:\n")])


def test_whether_a_module_is_installed_is_known_before_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "never_imported.py", "")
    assert not is_installed("never_imported")
    assert source_of("never_imported") == "never_imported.py"
    assert is_installed("colorsys")
    assert is_installed("pytest")
