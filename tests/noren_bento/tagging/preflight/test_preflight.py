"""A version is registered only when a clean process answers as the notebook does."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.preflight import clean_process, preflight
from noren_bento.tagging.preflight.answers import describe_difference, is_equal, is_rounding
from noren_bento.tagging.preflight.clean_process import end_kept
from noren_bento.tagging.preflight.imports import allowed_modules
from noren_bento.tagging.requirements import _require_published
from noren_bento.tagging.tag import tag_model

X = np.arange(40.0).reshape(-1, 1)
DATA: dict[str, Any] = {"train": (X, X.ravel()), "test": (X, X.ravel())}
CLASS = "class Own:\n    def predict(self, X):\n        import sys\n"
IN_CLEAN = "        if 'pytest' not in sys.modules:\n            "

Tag = Callable[..., ModelVersion]


@pytest.fixture
def tag(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Tag:
    """Write a module, import it, and tag an instance of its class Own, with the module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    name = f"preflight_{abs(hash(request.node.name))}"

    def write_and_tag(source: str, **options: Any) -> ModelVersion:
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        model = importlib.import_module(name).Own()
        return tag_model(model, name, **DATA, settings=settings, with_modules=[Path(f"{name}.py")], **options)

    return write_and_tag


@pytest.fixture
def started() -> Iterator[Callable[[], list[int]]]:
    """Pids of the clean processes that this process has."""
    end_kept()

    def children() -> list[int]:
        mine = psutil.Process().children()
        return [one.pid for one in mine if "preflight.child" in " ".join(one.cmdline())]

    yield children
    end_kept()


def is_gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            time.sleep(0.05)
            continue
        return True
    return False


def names(settings: Settings) -> tuple[str, ...]:
    return ModelStore(settings).names()


def test_one_clean_process_serves_tag_after_tag_and_ends_with_the_last(
    settings: Settings, started: Callable[[], list[int]]
) -> None:
    tag_model(LinearRegression().fit(X, X.ravel()), "clean1", **DATA, settings=settings)
    first = started()
    tag_model(LinearRegression().fit(X, X.ravel() * 3), "clean1", **DATA, settings=settings)
    assert len(first) == 1
    assert started() == first
    end_kept()
    assert started() == []


def test_a_clean_process_that_nobody_asks_again_ends_and_the_next_tag_starts_another(
    settings: Settings, started: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        clean_process,
        "CODE",
        clean_process.CODE.replace(
            "from noren_bento.tagging.preflight.child import main",
            "import noren_bento.tagging.preflight.child as child; child.REST_SECONDS = 0.1; main = child.main",
        ),
    )
    tag_model(LinearRegression().fit(X, X.ravel() * 5), "rested", **DATA, settings=settings)
    psutil.wait_procs([psutil.Process(pid) for pid in started()], timeout=10)
    tag_model(LinearRegression().fit(X, X.ravel() * 6), "rested", **DATA, settings=settings)


def test_a_version_that_is_known_already_waits_for_no_preflight(settings: Settings) -> None:
    told: list[str] = []
    for _ in range(2):
        told.clear()
        tag_model(
            LinearRegression().fit(X, X.ravel()), "known", **DATA, settings=settings, progress=told.append
        )
    assert not any("clean process" in text for text in told)


def test_an_import_inside_a_function_of_a_carried_module_is_recorded(tag: Tag) -> None:
    version = tag(CLASS + "        import yaml\n        return X[:, 0] * len(yaml.safe_load('[1, 2]'))\n")
    assert any(one.startswith("PyYAML==") for one in version.requirements)


def test_a_package_that_is_installed_and_not_recorded_is_named_with_what_to_do(
    tag: Tag, settings: Settings
) -> None:
    before = names(settings)
    source = (
        CLASS + "        import importlib\n        importlib.import_module('yaml')\n        return X[:, 0]\n"
    )
    with pytest.raises(NorenError, match=r"\.py, line 5, in predict imports yaml, of PyYAML .*--with"):
        tag(source)
    assert names(settings) == before


def test_a_module_beside_the_notebook_that_a_carried_one_imports_is_named(tag: Tag, tmp_path: Path) -> None:
    (tmp_path / "beside_the_notebook.py").write_text("factor = 2\n")
    with pytest.raises(
        NorenError, match=r"line 4, imports beside_the_notebook.*--with beside_the_notebook\.py"
    ):
        tag(CLASS + "        import beside_the_notebook\n        return X[:, 0]\n")


def test_a_module_beside_the_notebook_that_only_the_clean_process_misses_is_named(
    tag: Tag, tmp_path: Path
) -> None:
    (tmp_path / "hidden_beside.py").write_text("factor = 2\n")
    with pytest.raises(
        NorenError, match=r"line 4, in predict imports hidden_beside, a module beside .*_beside\.py"
    ):
        tag(CLASS + "        return X[:, 0] * __import__('hidden_beside').factor\n")


def test_an_optional_import_that_is_missing_is_no_mistake(tag: Tag) -> None:
    tag(
        "try:\n    import not_there_at_all\nexcept ImportError:\n    not_there_at_all = None\n"
        + CLASS
        + "        return X[:, 0]\n"
    )


def test_an_import_that_is_nowhere_is_named(tag: Tag) -> None:
    with pytest.raises(NorenError, match=r"line 4, imports not_there_at_all, which is neither installed"):
        tag(CLASS + "        if len(X) == 0: import not_there_at_all\n        return X[:, 0]\n")


def test_a_file_beside_the_notebook_is_named(tag: Tag, tmp_path: Path) -> None:
    (tmp_path / "vocabulary.txt").write_text("2")
    with pytest.raises(NorenError, match=r"opens 'vocabulary\.txt' \(.*line 4, in predict\).*attribute"):
        tag(
            CLASS
            + "        return X[:, 0] * float(__import__('pathlib').Path('vocabulary.txt').read_text())\n"
        )


def test_an_environment_variable_that_services_do_not_get_is_named(
    tag: Tag, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_FACTOR", "2")
    with pytest.raises(
        NorenError, match=r"reads the environment variable MY_FACTOR .*parameter of the model"
    ):
        tag(CLASS + "        import os\n        return X[:, 0] * float(os.environ['MY_FACTOR'])\n")


def test_a_setting_of_scikit_learn_in_the_notebook_is_named(tag: Tag) -> None:
    source = (
        CLASS
        + "        from sklearn import get_config\n        return X[:, 0] * len(get_config()['transform_output'])\n"
    )
    with (
        sklearn.config_context(transform_output="pandas"),
        pytest.raises(
            NorenError, match=r"answers otherwise .* 39 of 40 rows.*set_config\(transform_output='pandas'\)"
        ),
    ):
        tag(source)


def test_a_model_that_answers_differently_each_time_is_told_so(tag: Tag) -> None:
    with pytest.raises(
        NorenError, match="answers the same rows differently each time, here already: predict"
    ):
        tag(CLASS + "        import random\n        return X[:, 0] + random.random()\n")


def test_numbers_that_differ_by_rounding_only_are_a_warning_that_says_so(tag: Tag) -> None:
    with pytest.warns(UserWarning, match=r"but for rounding: predict differs in 39 of 40 rows"):
        tag(CLASS + IN_CLEAN + "return X[:, 0] * (1 + 4e-16)\n        return X[:, 0]\n")


def test_a_process_that_dies_is_named_with_the_signal(tag: Tag, started: Callable[[], list[int]]) -> None:
    with pytest.raises(NorenError, match=r"died \(SIGKILL.*too little memory: free some.*tag again"):
        tag(CLASS + IN_CLEAN + "import os; os.kill(os.getpid(), 9)\n        return X[:, 0]\n")
    assert started() == []


def test_leaving_the_interpreter_is_a_failure_like_another(tag: Tag) -> None:
    with pytest.raises(NorenError, match=r"does not predict in a clean process.*SystemExit"):
        tag(CLASS + IN_CLEAN + "sys.exit(0)\n        return X[:, 0]\n")


def test_a_process_that_hangs_is_ended_at_the_deadline_and_nothing_is_registered(
    tag: Tag, settings: Settings, started: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "DEADLINE_SECONDS", 3.0)
    before = names(settings)
    with pytest.raises(NorenError, match=r"has not answered 40 rows in a clean process within \d+ s"):
        tag(CLASS + IN_CLEAN + "import threading; threading.Event().wait()\n        return X[:, 0]\n")
    assert started() == []
    assert names(settings) == before
    assert list((settings.home / "staging").iterdir()) == []


@pytest.mark.parametrize("stage", ["inspect the model", "measure it", "load it in a clean process"])
def test_an_interrupt_at_any_stage_leaves_no_process_and_no_version(
    stage: str, settings: Settings, started: Callable[[], list[int]]
) -> None:
    before = names(settings)

    def interrupt(text: str) -> None:
        if text.startswith(stage):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tag_model(
            LinearRegression().fit(X, X.ravel()), "stopped", **DATA, settings=settings, progress=interrupt
        )
    assert started() == []
    assert names(settings) == before


@pytest.mark.slow
def test_a_clean_process_ends_with_its_parent_even_one_that_is_killed_and_removes_its_folder(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys, signal; from noren_bento.tagging.preflight.clean_process import CleanProcess\n"
        "process = CleanProcess([]); print(process._process.pid, process._root, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, root = done.stdout.split()
    assert is_gone(int(pid), 60)
    assert not Path(root).exists()


def test_a_pipeline_that_makes_frames_of_arrays_brings_their_library(settings: Settings) -> None:
    model = (
        make_pipeline(StandardScaler(), LinearRegression()).set_output(transform="pandas").fit(X, X.ravel())
    )
    version = tag_model(model, "frames", **DATA, settings=settings)
    assert any(one.startswith("pandas==") for one in version.requirements)


def test_a_forest_with_many_jobs_answers_equally_in_both(settings: Settings) -> None:
    y = (X.ravel() > 17).astype(int)
    data = {"train": (X, y), "test": (X, y)}
    model = RandomForestClassifier(30, n_jobs=-1, random_state=0).fit(X, y)
    version = tag_model(model, "jobs", **data, settings=settings)
    assert version.signature.probabilities


def test_labels_of_objects_are_compared_by_type_and_value(settings: Settings) -> None:
    y = np.array(["low", "high"], dtype=object)[(X.ravel() > 17).astype(int)]
    data = {"train": (X, y), "test": (X, y)}
    tag_model(LogisticRegression().fit(X, y), "labels", **data, settings=settings)


def test_only_what_requirements_bring_may_be_imported() -> None:
    allowed = allowed_modules(["scikit-learn==1.9.1"])
    assert {"sklearn", "numpy", "scipy", "joblib", "threadpoolctl"} <= allowed
    assert not {"pandas", "mlflow", "pytest", "yaml"} & allowed
    assert allowed_modules(["not-installed-anywhere==1"]) == frozenset()


def write_distribution(folder: Path, name: str, *lines: str, **files: str) -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines])
    )
    for file, text in files.items():
        (info / file.replace("__", ".")).write_text(text)


def test_markers_and_extras_of_requirements_are_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write_distribution(
        tmp_path,
        "outer-a",
        *("Requires-Dist: inner-b", 'Requires-Dist: inner-c; python_version < "3"'),
        'Requires-Dist: inner-d; extra == "more"',
        RECORD="outer_a/__init__.py,,\nouter_single.py,,\nouter_a-1.0.dist-info/RECORD,,\n../../bin/outer,,\n",
    )
    for letter in "bcd":
        write_distribution(tmp_path, f"inner-{letter}", RECORD=f"inner_{letter}/__init__.py,,\n")
    assert allowed_modules(["outer-a==1.0"]) == {"outer_a", "outer_single", "inner_b"}
    assert allowed_modules(["outer-a[more]==1.0"]) == {"outer_a", "outer_single", "inner_b", "inner_d"}


def test_a_package_from_a_folder_is_refused_and_one_from_an_address_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write_distribution(tmp_path, "my-folder", direct_url__json='{"url": "file:///src/mine", "dir_info": {}}')
    write_distribution(
        tmp_path, "my-git", direct_url__json='{"url": "https://example.org/x", "vcs_info": {"vcs": "git"}}'
    )
    with pytest.raises(NorenError, match=r"my-folder, which was installed from the folder file:///src/mine"):
        _require_published("my-folder")
    with pytest.warns(UserWarning, match=r"recorded as my-git==1\.0: see that the index"):
        _require_published("my-git")


def test_answers_are_equal_to_the_bit_or_close_or_described() -> None:
    one = {"predict": np.array([0.1, np.nan, 3.0])}
    assert is_equal(one, {"predict": np.array([0.1, np.nan, 3.0])})
    near = {"predict": np.array([np.nextafter(0.1, 1), np.nan, 3.0])}
    assert not is_equal(one, near)
    assert is_rounding(one, near)
    far = {"predict": np.array([0.1, np.nan, 3.1])}
    assert not is_rounding(one, far)
    assert (
        describe_difference(one, far) == "predict differs in 1 of 3 rows, row 2 being 3.0 here and 3.1 there"
    )
    labels = {"predict": np.array(["a", "b"])}
    assert not is_rounding(labels, {"predict": np.array(["a", "c"])})
    assert "of shape (2,) here" in describe_difference(labels, {"predict": np.array(["a"])})
