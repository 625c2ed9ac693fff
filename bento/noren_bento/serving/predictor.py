"""Predictor: a built version that answers rows, in the service and in a validation notebook alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from noren_bento.errors import NorenError
from noren_bento.profile.profile import Profile, profile_from_json
from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers, ModelError, require_finite
from noren_bento.serving.arrays import Arrays
from noren_bento.serving.columns import Columns, columns_of_frame, count_rows
from noren_bento.serving.exact.engine import load_exact
from noren_bento.serving.graph import Graph
from noren_bento.serving.manifest import (
    GRAPH,
    PROFILE,
    REPLAY,
    Manifest,
    read_manifest,
    require_untouched,
)
from noren_bento.serving.original import Original
from noren_bento.serving.proof import read_proof, require_proven
from noren_bento.serving.schema import Schema
from noren_bento.tagging.modules import make_importable
from noren_bento.tagging.serialise import FILES, read_model

if TYPE_CHECKING:
    import pandas as pd

MODEL_FOLDER = Path("src") / "model"
"""Where the model lies in a bento's folder."""


class Runtime(Protocol):
    """What answers: a program, a compiled graph or the original model."""

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows."""


class Predictor:
    """One built version, checked and loaded."""

    def __init__(self, manifest: Manifest, profile: Profile, runtime: Runtime) -> None:
        self.manifest = manifest
        self.profile = profile
        self._runtime = runtime

    @property
    def version(self) -> str:
        """`name/number`."""
        return str(self.manifest.version)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the model's fitted state."""
        return self.manifest.version.digest

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        return self.manifest.version.signature

    def predict(self, columns: Columns) -> Answers:
        """Answer rows; raises ModelError when the model raises or answers NaN."""
        try:
            answers = self._runtime.predict(columns)
        except Exception as error:
            raise ModelError(f"{self.version} raised {type(error).__name__}: {error}") from error
        return require_finite(answers, count_rows(columns))

    def predict_frame(self, frame: pd.DataFrame) -> Answers:
        """Answer a DataFrame that has the model's columns, in any order."""
        return self.predict(columns_of_frame(frame, self.signature))


def predictor_of_bento(bento_path: Path) -> Predictor:
    """Load the predictor of a built bento, given the bento's folder."""
    return load_predictor(Path(bento_path) / MODEL_FOLDER)


def load_predictor(folder: Path) -> Predictor:
    """Check every file of a model folder against its manifest, then load it, and let it answer its packaged rows.

    Raises NorenError where a file differs, or where an answer is not the one that was proven at build time.
    """
    manifest = read_manifest(folder)
    require_untouched(folder, manifest)
    profile = profile_from_json((folder / PROFILE).read_bytes())
    predictor = Predictor(manifest, profile, _load_runtime(folder, manifest))
    _require_proven(folder, predictor)
    return predictor


def _load_runtime(folder: Path, manifest: Manifest) -> Runtime:
    signature = manifest.version.signature
    if manifest.runtime == "exact":
        return load_exact(folder, signature)
    if manifest.runtime == "onnx":
        return Graph(folder / GRAPH, signature, missing_text=manifest.missing_text)
    if manifest.serialisation is None or (file := FILES[manifest.serialisation]) not in manifest.files:
        raise NorenError(f"{folder} lists no file in which its model should be. Build the version again.")
    own = make_importable(folder, manifest.files)
    model = read_model(folder, manifest.serialisation, sha256=manifest.files[file], own_modules=own)
    return Arrays(model, signature) if manifest.runtime == "arrays" else Original(model, signature)


def _require_proven(folder: Path, predictor: Predictor) -> None:
    """All packaged rows at once, and the first alone: what answers one row is not always what answers many."""
    proof = read_proof(folder)
    schema = Schema(predictor.signature, closed=predictor.manifest.closed)
    for rows in (proof.rows, proof.rows[:1]):
        if rows:
            columns = schema.decode(msgspec.json.encode({"rows": rows}))
            require_proven(proof, columns, predictor.predict(columns))


def read_replay(folder: Path) -> list[dict[str, Any]]:
    """The reference rows that travel with a version, as the rows of a request."""
    rows: list[dict[str, Any]] = msgspec.json.decode((folder / REPLAY).read_bytes())["rows"]
    return rows
