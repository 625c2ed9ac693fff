"""Fault 7: a model's files are changed by whoever can write them. Each is refused, and nothing in it runs.

The same attacks at both places where a model is loaded: a version's folder, with what the registry knows of it and
without, and the model folder of a bento. What a payload would do if it ran is to write a file, the canary.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import yaml

from noren.stages import Stages
from noren_bento.errors import NorenError
from noren_bento.serving.manifest import hash_files, read_manifest, write_manifest
from noren_bento.serving.predictor import load_predictor
from noren_bento.settings import load_settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging import serialise
from noren_bento.tagging.modules import CheckedFinder
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles
from tests.faults.conftest import Figure
from tests.noren_bento.serving.folders import write_folder
from tests.noren_bento.tagging.skops_files import listed, mapping, node, ridge_holding, text, tuple_of
from tests.stores import lay_store

OWN = "noren_tampered_steps"
SOURCE = (
    "from sklearn.linear_model import LogisticRegression\n\n\n"
    "def touch(*names):\n    for name in names:\n        open(str(name), 'w').close()\n    return []\n\n\n"
    "class Carried(LogisticRegression):\n    pass\n"
)


class Payload:
    """Writes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.canary),)


@dataclass
class Target:
    """A folder from which a model is loaded."""

    folder: Path
    manifest: str
    load: Callable[[], Any]
    canary: Path
    registered: bool = False

    @property
    def model(self) -> Path:
        return self.folder / "model.skops"

    def change(self, **fields: Any) -> None:
        """Change what the manifest says."""
        path = self.folder / self.manifest
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    def relist(self, *names: str) -> None:
        """Give the manifest the SHA-256 that these files have now."""
        files = json.loads((self.folder / self.manifest).read_text())["files"]
        for name in names:
            files[name] = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        self.change(files=files)

    def code(self) -> str:
        """Python that writes the canary."""
        return f"open({str(self.canary)!r}, 'w').close()"


def pickle_under_the_other_name(target: Target) -> None:
    target.model.write_bytes(pickle.dumps(Payload(target.canary)))
    target.relist("model.skops")


def skops_under_the_name_of_a_pickle(target: Target) -> None:
    shutil.copy(target.model, target.folder / "model.pkl")
    target.model.unlink()
    target.change(serialisation="cloudpickle")


def pickle_beside_and_the_format_downgraded(target: Target) -> None:
    (target.folder / "model.pkl").write_bytes(cloudpickle.dumps(Payload(target.canary)))
    target.change(serialisation="cloudpickle")


def folder_format_of_another_time(target: Target) -> None:
    target.model.write_bytes(pickle.dumps(Payload(target.canary)))
    target.relist("model.skops")
    target.change(format=0)


def trusted_types_declared_by_itself(target: Target) -> None:
    """What `mlflow.sklearn.load_model` believes: the model says which types may be trusted."""
    call = node(
        "ConstructorFromReduceNode", f"{os.system.__module__}.system", content=tuple_of(text(target.code()))
    )
    target.model.write_bytes(ridge_holding(call))
    (target.folder / "MLmodel").write_text(
        yaml.safe_dump(
            {"flavors": {"sklearn": {"skops_trusted_types": ["posix.system"], "pickled_model": "x"}}}
        )
    )
    target.relist("model.skops", "MLmodel")


def schema_that_calls_the_system(target: Target) -> None:
    touch = text(f"touch {target.canary}")
    call = node("ConstructorFromReduceNode", f"{os.system.__module__}.system", content=tuple_of(touch))
    target.model.write_bytes(ridge_holding(call))
    target.relist("model.skops")


def schema_that_evaluates_its_keys(target: Target) -> None:
    keys = listed(node("FunctionNode", "builtins.eval"))
    target.model.write_bytes(ridge_holding(mapping(keys, **{target.code(): text(1)})))
    target.relist("model.skops")


def schema_that_maps_a_file(target: Target) -> None:
    array = node(
        "NdArrayNode", "numpy.memmap", type="json", content=[text("/etc/passwd")], shape=tuple_of(text(1))
    )
    target.model.write_bytes(ridge_holding(array))
    target.relist("model.skops")


def schema_that_calls_a_trusted_function(target: Target) -> None:
    """A carried module's function is trusted: the file may refer to it. A list of it would be its answer."""
    call = listed(text(str(target.canary)), name=f"{OWN}.touch")
    target.model.write_bytes(ridge_holding(call))
    target.relist("model.skops")


def schema_that_calls_a_partial_as_a_key(target: Target) -> None:
    func = node("FunctionNode", f"{OWN}.touch")
    content = {
        "func": func,
        "args": tuple_of(text(str(target.canary))),
        "kwds": mapping(listed()),
        "namespace": text(None),
    }
    keys = listed(node("PartialNode", "functools.partial", content=content))
    target.model.write_bytes(ridge_holding(mapping(keys, key=text(1))))
    target.relist("model.skops")


def one_bit_of_the_model(target: Target) -> None:
    data = bytearray(target.model.read_bytes())
    data[len(data) // 2] ^= 1
    target.model.write_bytes(data)


def path_out_of_the_folder(target: Target) -> None:
    (target.folder.parent / "outside.py").write_text(target.code())
    files = json.loads((target.folder / target.manifest).read_text())["files"]
    sha256 = hashlib.sha256((target.folder.parent / "outside.py").read_bytes()).hexdigest()
    target.change(files=files | {"modules/../../outside.py": sha256})


def carried_module_changed(target: Target) -> None:
    with (target.folder / "modules" / f"{OWN}.py").open("a") as file:
        file.write(target.code())


def module_put_beside(target: Target) -> None:
    (target.folder / "modules" / "skops.py").write_text(target.code())


def model_behind_a_link(target: Target) -> None:
    shutil.move(target.model, target.folder.parent / "linked.skops")
    target.model.symlink_to(target.folder.parent / "linked.skops")


def pipe_instead_of_the_model(target: Target) -> None:
    target.model.unlink()
    os.mkfifo(target.model)


CHANGED = "was changed after|is not the file that was built"
UNREVIEWED = "nobody has reviewed"
ATTACKS: dict[Callable[[Target], None], str] = {
    pickle_under_the_other_name: "this is no skops file",
    skops_under_the_name_of_a_pickle: r"lists no model\.pkl|is not the file that was built",
    pickle_beside_and_the_format_downgraded: r"lists no model\.pkl|is not the file that was built",
    folder_format_of_another_time: "has (the folder )?format 0",
    trusted_types_declared_by_itself: f"{UNREVIEWED} posix.system",
    schema_that_calls_the_system: f"{UNREVIEWED} posix.system",
    schema_that_evaluates_its_keys: UNREVIEWED,
    schema_that_maps_a_file: f"{UNREVIEWED} numpy.memmap",
    schema_that_calls_a_trusted_function: f"{UNREVIEWED} {OWN}.touch in a ListNode",
    schema_that_calls_a_partial_as_a_key: f"{UNREVIEWED} builtins.list in a ListNode",
    one_bit_of_the_model: CHANGED,
    path_out_of_the_folder: "outside its folder|is not the file that was built",
    carried_module_changed: CHANGED,
    module_put_beside: "was put there after|is not the file that was built",
    model_behind_a_link: "is no plain file|is not the file that was built",
    pipe_instead_of_the_model: "is no plain file|is not the file that was built",
}
"""What is done, and in which words it is refused where no registry knows the manifest."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A version and a bento's model folder, of a model whose class is in a carried module."""
    root = tmp_path_factory.mktemp("tampered")
    (root / f"{OWN}.py").write_text(SOURCE)
    sys.path.insert(0, str(root))
    X = pd.DataFrame({"a": np.arange(40.0)})
    y = (X["a"] > 17).to_numpy().astype(int)
    model = __import__(OWN).Carried().fit(X, y)
    settings = load_settings({"home": lay_store(root / "home")}, environ={}, folder=Path("/"))
    given: Any = {"train": (X, y), "test": (X, y), "with_modules": [root / f"{OWN}.py"]}
    version = tag_model(model, "tampered", settings=settings, **given)
    files = ModelStore(settings).files(version)
    bento = write_folder(root / "bento" / "model", model, X, y, steps=())
    (bento / "modules").mkdir()
    (bento / "modules" / f"{OWN}.py").write_text(SOURCE)
    manifest = read_manifest(bento)
    manifest.files.update(hash_files(bento))
    write_manifest(bento, manifest)
    sys.path.remove(str(root))
    return {"version": files.path, "digest": files.manifest_digest, "bento": bento, "settings": settings}


@pytest.fixture(params=["registered version", "version", "bento"])
def target(request: pytest.FixtureRequest, made: dict[str, Any], tmp_path: Path) -> Iterator[Target]:
    """A copy of one of them, in a process that has not imported its modules."""
    kind = "bento" if request.param == "bento" else "version"
    folder = shutil.copytree(made[kind], tmp_path / "folder" / "model")
    digest = made["digest"] if request.param == "registered version" else None

    def load() -> Any:
        return load_predictor(folder) if kind == "bento" else VersionFiles(folder, digest).model()

    forget()
    manifest = "manifest.json" if kind == "bento" else "noren.json"
    yield Target(folder, manifest, load, tmp_path / "canary", registered=digest is not None)
    forget()


def forget() -> None:
    sys.modules.pop(OWN, None)
    for finder in sys.meta_path:
        if isinstance(finder, CheckedFinder):
            finder.carried.pop(OWN, None)


def test_an_untouched_folder_loads_with_its_own_module(target: Target) -> None:
    assert target.load() is not None
    assert sys.modules[OWN].__file__ == str(target.folder / "modules" / f"{OWN}.py")
    assert not (target.folder / "modules" / "__pycache__").exists()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_tampered_model_is_refused_and_nothing_in_it_runs(
    attack: Callable[[Target], None], target: Target, figure: Figure
) -> None:
    attack(target)
    words = f"{ATTACKS[attack]}|is not the one that was registered" if target.registered else ATTACKS[attack]
    with pytest.raises(NorenError, match=words):
        target.load()
    assert not target.canary.exists()
    figure(7, "tampered, refused, nothing ran")


def test_files_changed_together_with_their_manifest_are_refused_by_what_the_registry_knows(
    made: dict[str, Any], tmp_path: Path
) -> None:
    folder = shutil.copytree(made["version"], tmp_path / "version")
    target = Target(folder, "noren.json", VersionFiles(folder, made["digest"]).model, tmp_path / "canary")
    pickle_beside_and_the_format_downgraded(target)
    target.relist("model.pkl")
    with pytest.raises(NorenError, match="is not the one that was registered"):
        target.load()
    assert not target.canary.exists()


@pytest.mark.parametrize("verb", ["build", "validate"])
def test_a_verb_that_is_given_a_version_refuses_files_changed_together_with_their_manifest(
    verb: str, made: dict[str, Any], tmp_path: Path
) -> None:
    folder, kept = made["version"], tmp_path / "kept"
    shutil.copytree(folder, kept)
    target = Target(folder, "noren.json", lambda: None, tmp_path / "canary")
    pickle_beside_and_the_format_downgraded(target)
    target.relist("model.pkl")
    try:
        with pytest.raises(NorenError, match="are not those that were registered"):
            getattr(Stages(made["settings"]), verb)("tampered/1")
    finally:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert not target.canary.exists()


def test_cached_byte_code_is_neither_run_nor_written(made: dict[str, Any], tmp_path: Path) -> None:
    """Python would take a cache beside the source, which no manifest lists, for the source."""
    folder = shutil.copytree(made["bento"], tmp_path / "model")
    target = Target(folder, "manifest.json", lambda: load_predictor(folder), tmp_path / "canary")
    forget()
    source = folder / "modules" / f"{OWN}.py"
    cache = folder / "modules" / "__pycache__" / f"{OWN}.{sys.implementation.cache_tag}.pyc"
    cache.parent.mkdir()
    import importlib._bootstrap_external as external

    code = compile(SOURCE + target.code(), str(source), "exec")
    stat = source.stat()
    cache.write_bytes(external._code_to_timestamp_pyc(code, int(stat.st_mtime), stat.st_size))
    assert target.load() is not None
    assert not target.canary.exists()
    forget()


def test_a_model_that_is_replaced_between_the_check_and_the_reading_is_not_the_one_that_is_loaded(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = serialise._read_plain

    def read_and_replace(path: Path) -> bytes:
        data = read(path)
        path.write_bytes(pickle.dumps(Payload(target.canary)))
        return data

    monkeypatch.setattr(serialise, "_read_plain", read_and_replace)
    assert target.load() is not None
    assert not target.canary.exists()


def test_the_payloads_do_run_where_nobody_checks(tmp_path: Path) -> None:
    """Else the tests above would prove nothing."""
    import skops.io

    pickle.loads(pickle.dumps(Payload(tmp_path / "one")))
    (tmp_path / f"{OWN}.py").write_text(SOURCE)
    sys.path.insert(0, str(tmp_path))
    called = ridge_holding(listed(text(str(tmp_path / "two")), name=f"{OWN}.run"))
    (tmp_path / f"{OWN}.py").write_text(
        "def run(names):\n    return [open(name, 'w').close() for name in names]\n"
    )
    skops.io.loads(called, trusted=skops.io.get_untrusted_types(data=called))
    sys.path.remove(str(tmp_path))
    forget()
    assert (tmp_path / "one").exists()
    assert (tmp_path / "two").exists()
