from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from noren_bento.bento_build.closure import ROOT, find_closure

TAKEN = {"numpy", "msgspec", "bentoml", "onnxruntime", "pydantic", "uvicorn", "noren_bento"}
ORIGINAL = {"pandas", "sklearn", "skops", "cloudpickle"}
CONTAINERS = {"polars", "scipy"}
"""Only imported for models that were fitted on theirs, whose versions then require them."""


def imported(path: Path, *, lazily: bool) -> set[str]:
    tree = ast.parse((ROOT.parent / path).read_text())
    inner = {node for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) for node in ast.walk(one)}
    typing = {
        node
        for one in ast.walk(tree)
        if isinstance(one, ast.If) and "TYPE_CHECKING" in ast.dump(one.test)
        for node in ast.walk(one)
    }
    found = set()
    for node in ast.walk(tree):
        if node in typing or (node in inner) is not lazily:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found - set(sys.stdlib_module_names)


def test_a_bento_carries_the_service_and_no_control_plane() -> None:
    names = {path.as_posix() for path in find_closure()}
    assert "noren_bento/serving/service.py" in names
    assert not [
        name for name in names if name.split("/")[1] in ("control", "stores", "targets", "traffic", "compile")
    ]


def test_what_a_bento_carries_imports_little_and_the_heavy_parts_lazily() -> None:
    for path in find_closure():
        assert imported(path, lazily=False) <= {"numpy", "msgspec", "noren_bento"}, path
        assert imported(path, lazily=True) <= TAKEN | ORIGINAL | CONTAINERS, path


def test_the_closure_imports_by_itself(tmp_path: Path) -> None:
    for path in find_closure():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT.parent / path).read_bytes())
    code = "import sys; sys.path.insert(0, sys.argv[1]); import noren_bento.serving.service as s; print(s.__file__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip().startswith(str(tmp_path))
