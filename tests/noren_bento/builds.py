"""Small real models, tagged and built, for the tests of building and serving."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noren_bento.bento_build.build import Build, build_bento
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def people(rows: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, whole numbers, text with missing values, and a label that they explain."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": random.normal(50.0, 10.0, rows).round(2),
            "age": random.integers(18, 90, rows),
            "home-town": random.choice(["Rome", "Oslo", "Lima"], rows),
        }
    )
    frame.loc[::7, "home-town"] = None
    return frame, np.where(frame["income"] + frame["age"] / 4 > 62, "yes", "no")


def numbers(rows: int = 400, columns: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers only, and a label."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        random.normal(size=(rows, columns)), columns=[f"n{place}" for place in range(columns)]
    )
    return frame, (frame.sum(axis=1) > 0).to_numpy(dtype=int)


def tag(
    model: Any, name: str, data: tuple[Any, Any], settings: Settings, modules: tuple[Path, ...] = ()
) -> VersionFiles:
    """Tag a fitted model; the same data is train and test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cloudpickle's warning is tested where it is given
        version = tag_model(model, name, train=data, test=data, settings=settings, with_modules=modules)
    return VersionFiles(ModelStore(settings).folder(version))


def build(
    model: Any, name: str, data: tuple[Any, Any], settings: Settings, modules: tuple[Path, ...] = ()
) -> Build:
    """Tag and build a fitted model."""
    return build_bento(tag(model, name, data, settings, modules), settings=settings)
