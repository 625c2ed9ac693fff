"""The same input gives the same bento, and a start is held against what was built."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from noren_bento.bento_build.build import build_bento
from noren_bento.bento_build.digest import digest_bento, require_bento
from noren_bento.errors import NorenError
from noren_bento.settings import Settings, load_settings
from tests.noren_bento.builds import numbers, tag

MODELS: dict[str, Any] = {
    "exact": LogisticRegression(),
    "onnx": RandomForestClassifier(5, random_state=0),
    "arrays": KNeighborsClassifier(metric="haversine", algorithm="ball_tree"),
}


def settings_in(home: Path) -> Settings:
    return load_settings(
        {"home": str(home), "environments": os.environ["NOREN_ENVIRONMENTS"]}, environ={}, folder=Path("/")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "runtime", [pytest.param(name, marks=() if name == "onnx" else pytest.mark.soak) for name in MODELS]
)
def test_the_same_version_built_twice_in_two_homes_is_the_same_bento(runtime: str, tmp_path: Path) -> None:
    X, y = numbers(columns=2)
    files = tag(MODELS[runtime].fit(X, y), "twice", (X, y), settings_in(tmp_path / "one"))
    builds = [build_bento(files, settings=settings_in(tmp_path / home)) for home in ("one", "two")]
    assert [one.runtime for one in builds] == [runtime, runtime]
    assert builds[0].digest == builds[1].digest
    assert builds[0].path != builds[1].path


@pytest.fixture
def bento(tmp_path: Path) -> Path:
    """Files as a bento has them; what they say does not matter to a digest."""
    for name in ("bento.yaml", "src/service.py", "src/measured.json", "src/model/manifest.json"):
        path = tmp_path / "bento" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"creation_time: '2026-11-23T18:12:42.704498+00:00'\nname: {name}\n")
    return tmp_path / "bento"


def test_when_it_was_built_and_how_fast_it_is_do_not_matter(bento: Path) -> None:
    before = digest_bento(bento)
    (bento / "bento.yaml").write_text("creation_time: '2027-01-01T00:00:00+00:00'\nname: bento.yaml\n")
    (bento / "src" / "measured.json").write_text("{}")
    require_bento(bento, before)


@pytest.mark.parametrize("name", ["bento.yaml", "src/service.py", "src/model/manifest.json"])
def test_a_changed_file_is_another_bento(bento: Path, name: str) -> None:
    before = digest_bento(bento)
    (bento / name).write_text("name: other\n")
    with pytest.raises(NorenError, match=r"is not the bento that was built and validated"):
        require_bento(bento, before)


def test_a_file_that_is_added_removed_or_renamed_makes_another_bento(bento: Path) -> None:
    before = digest_bento(bento)
    added = bento / "src" / "sitecustomize.py"
    added.write_text("")
    assert digest_bento(bento) != before
    added.unlink()
    (bento / "src" / "service.py").rename(bento / "src" / "server.py")
    assert digest_bento(bento) != before
    shutil.rmtree(bento)
    with pytest.raises(NorenError, match="is gone"):
        require_bento(bento, before)


def test_compiled_python_that_lies_there_is_removed_before_a_start(bento: Path) -> None:
    before = digest_bento(bento)
    cache = bento / "src" / "__pycache__" / "service.cpython-311.pyc"
    cache.parent.mkdir()
    cache.write_bytes(b"planted")
    require_bento(bento, before)
    assert not cache.parent.exists()


def test_a_line_that_hides_behind_the_moment_of_the_build_counts(bento: Path) -> None:
    before = digest_bento(bento)
    hidden = "creation_time: '2026-11-23T18:12:42.704498+00:00'\rservice: evil:svc\nname: bento.yaml\n"
    (bento / "bento.yaml").write_bytes(hidden.encode())
    assert digest_bento(bento) != before


def test_a_link_is_refused(bento: Path, tmp_path: Path) -> None:
    before = digest_bento(bento)
    (tmp_path / "elsewhere").mkdir()
    (bento / "src" / "sklearn").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NorenError, match="is a link"):
        require_bento(bento, before)


def test_a_name_that_is_no_text_counts(bento: Path) -> None:
    before = digest_bento(bento)
    (bento / "src" / os.fsdecode(b"odd-\xff")).write_text("")
    assert digest_bento(bento) != before
