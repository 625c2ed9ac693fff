"""Writing the folder of one version, before the registry knows it."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.profile.profile import Profile, profile_to_json
from noren_bento.release.version import ModelVersion
from noren_bento.tagging.description import Description, description_to_json
from noren_bento.tagging.lineage.lineage import Origin
from noren_bento.tagging.metrics.metrics import Measured
from noren_bento.tagging.modules import copy_modules
from noren_bento.tagging.rows import to_rows
from noren_bento.tagging.search_results import SEARCH
from noren_bento.tagging.serialise import Format, file_sha256
from noren_bento.tagging.version_files import (
    FORMAT,
    MANIFEST,
    MODULES,
    Manifest,
    manifest_from_json,
    manifest_to_json,
)

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE_ROWS = 3


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns with their target, row by row."""

    frame: pd.DataFrame
    y: NDArray[Any] | None

    def take(self, positions: NDArray[np.int64]) -> Rows:
        """Return some of the rows, renumbered from 0."""
        frame = self.frame.iloc[positions].reset_index(drop=True)
        return Rows(frame, None if self.y is None else self.y[positions])


@dataclass(frozen=True, slots=True)
class Contents:
    """What a version's folder holds beside the model itself."""

    profile: Profile
    reference: Rows
    test: Rows
    measured: Measured
    origin: Origin
    description: Description
    modules: Sequence[Path] = ()
    search: pd.DataFrame | None = None
    """What the search tried that found the model."""


def write_contents(contents: Contents, version: ModelVersion, folder: Path) -> None:
    """Write all but the model and the manifest."""
    (folder / "profile.json").write_bytes(profile_to_json(contents.profile))
    (folder / "metrics.json").write_text(json.dumps(contents.measured.values, indent=1))
    (folder / "intervals.json").write_text(json.dumps(contents.measured.intervals, indent=1))
    contents.origin.write(folder)
    (folder / "description.json").write_bytes(description_to_json(contents.description))
    rows = to_rows(contents.reference.frame.head(EXAMPLE_ROWS), version.signature)
    (folder / "input_example.json").write_text(json.dumps({"rows": rows}, ensure_ascii=False, indent=1))
    (folder / "requirements.txt").write_text("".join(f"{one}\n" for one in version.requirements))
    for name, part in (("reference", contents.reference), ("test", contents.test)):
        part.frame.to_parquet(folder / f"{name}.parquet", index=False)
        _target_frame(part, version.signature.targets).to_parquet(folder / f"{name}_y.parquet", index=False)
    if contents.search is not None:
        contents.search.to_parquet(folder / SEARCH, index=False)
    copy_modules(contents.modules, folder / MODULES)


def _target_frame(rows: Rows, targets: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    if rows.y is None:
        return pd.DataFrame()
    return pd.DataFrame(rows.y, columns=list(targets) if targets else ["y"])


def add_file(folder: Path, name: str, data: bytes) -> str:
    """Write one more file and list it in `noren.json`; return the manifest's new SHA-256."""
    (folder / name).write_bytes(data)
    manifest = manifest_from_json((folder / MANIFEST).read_bytes())
    files = manifest.files | {name: file_sha256(folder / name)}
    (folder / MANIFEST).write_bytes(manifest_to_json(replace(manifest, files=dict(sorted(files.items())))))
    return file_sha256(folder / MANIFEST)


def write_manifest(version: ModelVersion, serialisation: Format, folder: Path) -> str:
    """Write `noren.json` over all files that the folder holds now; return its own SHA-256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest = Manifest(
        format=FORMAT,
        version=version,
        serialisation=serialisation,
        files={path.relative_to(folder).as_posix(): file_sha256(path) for path in files},
    )
    (folder / MANIFEST).write_bytes(manifest_to_json(manifest))
    return file_sha256(folder / MANIFEST)
