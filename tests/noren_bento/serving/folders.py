"""Model folders as a build writes them, made in process, without MLflow and BentoML."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import skops.io

from noren_bento.compile.ladder import STEPS, climb
from noren_bento.profile.build import build_profile
from noren_bento.profile.profile import profile_to_json
from noren_bento.release.version import ModelVersion
from noren_bento.serving.columns import columns_of_frame
from noren_bento.serving.manifest import PROFILE, REPLAY, Manifest, Runtime, hash_files, write_manifest
from noren_bento.serving.original import Original
from noren_bento.serving.rows import rows_of_columns
from noren_bento.tagging.signature import read_signature


def write_folder(
    folder: Path,
    model: Any,
    X: pd.DataFrame,
    y: Any,
    *,
    name: str = "churn",
    steps: Collection[Runtime] = STEPS,
    given: Any = None,
) -> Path:
    """Write a fitted model as version 1: the first of these steps of the ladder, or with skops.

    `given` is what it was fitted on, where that is not the frame X.
    """
    folder.mkdir(parents=True, exist_ok=True)
    signature = read_signature(model, X if given is None else given, X, y)
    columns = columns_of_frame(X, signature)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's own
        outcome = climb(model, signature, X, folder, steps=steps)
        original = outcome.runtime in ("arrays", "sklearn")
        if original:
            skops.io.dump(model, folder / "model.skops")
        answers = Original(model, signature).predict(columns)
    profile = build_profile(
        columns, {"prediction": np.array([str(one) for one in answers.predictions], dtype=object)}
    )
    (folder / PROFILE).write_bytes(profile_to_json(profile))
    rows = rows_of_columns({key: values[:5] for key, values in columns.items()}, signature)
    (folder / REPLAY).write_bytes(msgspec.json.encode({"rows": rows}))
    manifest = Manifest(
        version=ModelVersion(name, 1, "ab" * 32, signature),
        runtime=outcome.runtime,
        because="",
        files=hash_files(folder),
        serialisation="skops" if original else None,
        missing_text=outcome.missing_text,
        closed=outcome.closed,
    )
    write_manifest(folder, manifest)
    return folder
