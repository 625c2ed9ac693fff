"""A version's folder is read only as it was written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import Ridge

from noren_bento.errors import NorenError
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.serialise import file_sha256, read_model
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles

X = np.arange(40.0).reshape(-1, 1)


class Attack:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """A copy of a good version's folder."""
    data = (X, X.ravel())
    version = tag_model(Ridge(alpha=0.5).fit(*data), "files", train=data, test=data, settings=settings)
    return shutil.copytree(ModelStore(settings).folder(version), tmp_path / "files")


def rewrite(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / "noren.json").read_text())
    (folder / "noren.json").write_text(json.dumps(manifest | changes))


def test_each_changed_file_is_refused_before_it_is_read(folder: Path) -> None:
    readers: dict[str, Any] = {
        "model.skops": VersionFiles.model,
        "profile.json": VersionFiles.profile,
        "reference.parquet": VersionFiles.reference,
        "reference_y.parquet": VersionFiles.reference_y,
        "test.parquet": VersionFiles.test,
        "test_y.parquet": VersionFiles.test_y,
        "metrics.json": VersionFiles.metrics,
        "intervals.json": VersionFiles.intervals,
        "lineage.json": VersionFiles.lineage,
        "input_example.json": VersionFiles.example,
    }
    for name, read in readers.items():
        read(VersionFiles(folder))
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(NorenError, match=f"{name} was changed after the model was tagged"):
            read(VersionFiles(folder))
        (folder / name).unlink()
        with pytest.raises(NorenError, match=f"{name} is missing"):
            read(VersionFiles(folder))


def test_a_swapped_pickle_does_not_run(folder: Path, tmp_path: Path) -> None:
    import cloudpickle

    (folder / "model.pkl").write_bytes(cloudpickle.dumps(Attack(tmp_path / "ran")))
    rewrite(folder, serialisation="cloudpickle")
    with pytest.raises(NorenError, match=r"lists no model\.pkl"):
        VersionFiles(folder).model()
    assert not (tmp_path / "ran").exists()


def test_a_skops_file_with_a_type_nobody_reviewed_does_not_load_even_with_the_right_checksum(
    folder: Path, tmp_path: Path
) -> None:
    model = Ridge().fit(X, X.ravel())
    model.hook_ = os.mkdir
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    with pytest.raises(NorenError, match="nobody has reviewed"):
        read_model(tmp_path, "skops", sha256=file_sha256(path))


def test_the_store_refuses_a_manifest_that_is_not_the_registered_one(settings: Settings) -> None:
    data = (X, X.ravel())
    version = tag_model(Ridge(alpha=0.7).fit(*data), "manifest", train=data, test=data, settings=settings)
    folder = ModelStore(settings).folder(version)
    rewrite(folder, serialisation="cloudpickle")
    with pytest.raises(NorenError, match="not those that were registered"):
        ModelStore(settings).files(version)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "damaged"),
        (b"{}", "damaged"),
        (b"[1]", "damaged"),
        (b'{"format": 99}', "folder format 99"),
        (b'{"format": 1, "files": 3}', "damaged"),
        (b"\xff\xfe", "damaged"),
    ],
)
def test_a_damaged_or_later_manifest_is_named(folder: Path, content: bytes, text: str) -> None:
    (folder / "noren.json").write_bytes(content)
    with pytest.raises(NorenError, match=text):
        VersionFiles(folder).model()


def test_a_manifest_cannot_name_files_outside_its_folder(folder: Path) -> None:
    manifest = json.loads((folder / "noren.json").read_text())
    secret = folder.parent / "secret.py"
    secret.write_text("x = 1")
    rewrite(folder, files=manifest["files"] | {"modules/../../secret.py": file_sha256(secret)})
    with pytest.raises(NorenError, match="outside its folder"):
        VersionFiles(folder).modules()


def test_a_folder_without_a_version_says_so(tmp_path: Path) -> None:
    with pytest.raises(NorenError, match="holds no version"):
        VersionFiles(tmp_path).model()


def test_the_number_comes_from_the_registry_and_is_written_again_when_it_was_lost(settings: Settings) -> None:
    data = (X, X.ravel())
    version = tag_model(Ridge(alpha=0.9).fit(*data), "numbered", train=data, test=data, settings=settings)
    store = ModelStore(settings)
    (store.folder(version) / "number.json").unlink()
    assert VersionFiles(store.folder(version)).version == version
