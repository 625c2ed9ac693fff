"""Tagging: a fitted model and its data become an immutable version in the model store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion, Signature, require_name
from noren_bento.serving.original import flat_predictions
from noren_bento.settings import Settings
from noren_bento.stores.models import Draft, ModelStore
from noren_bento.tagging.card.files import write_card
from noren_bento.tagging.cost import COST, cost_of, cost_to_json
from noren_bento.tagging.description import describe_model
from noren_bento.tagging.digest import FittedState, Reference, read_state
from noren_bento.tagging.frames import model_input, sample_rows
from noren_bento.tagging.inspect import (
    read_split,
    read_targets,
    require_columns,
    require_importable,
    require_model,
    require_same_columns,
)
from noren_bento.tagging.lineage.cells import Trace
from noren_bento.tagging.lineage.lineage import OriginReading
from noren_bento.tagging.metrics.metrics import Measured, estimate, measure
from noren_bento.tagging.modules import read_sources, require_modules
from noren_bento.tagging.own_imports import require_carried
from noren_bento.tagging.preflight.preflight import Preflight, open_preflight
from noren_bento.tagging.requirements import read_output_libraries, read_requirements
from noren_bento.tagging.search_results import best_of, read_search
from noren_bento.tagging.secrets.refuse import require_no_secrets
from noren_bento.tagging.secrets.secrets import read_secrets
from noren_bento.tagging.serialise import FILES, write_model
from noren_bento.tagging.signature import needs_target, read_signature, read_task
from noren_bento.tagging.stage_clock import StageClock
from noren_bento.tagging.staging import staging_folder
from noren_bento.tagging.training_profile import profile_training
from noren_bento.tagging.version_files import VersionFiles
from noren_bento.tagging.write_files import Contents, Rows, add_file, write_contents, write_manifest

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that may be tagged, with its data as rows."""

    model: Any
    state: FittedState
    signature: Signature
    train: Rows
    test: Rows
    modules: tuple[Path, ...]
    imported: tuple[Reference, ...]
    """What the user's own modules import."""

    @property
    def own_modules(self) -> tuple[str, ...]:
        """Names of the modules that travel with the version."""
        return tuple(path.stem for path in self.modules)


def tag_model(
    model: Any,
    name: str,
    *,
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    settings: Settings,
    with_modules: Sequence[Path] = (),
    trace: Trace | None = None,
    progress: Progress | None = None,
) -> ModelVersion:
    """Make a version of a fitted model: `name/number`, the next number, or the one that has the same fitted state.

    `train` and `test` are (X, y): DataFrames or 2-d arrays with a 1-d target (None where the task has no target).
    Of a fitted search (GridSearchCV) the best estimator is tagged, and what was tried is kept beside it.
    `with_modules` are the user's own modules that the model needs. `trace` is the notebook with the cells that ran.
    `progress` is told each stage, in words.
    Raises NorenError for what cannot be tagged, with what to change, and UnreachableError when MLflow does not answer.
    Whatever interrupts it, nothing is left in the store.
    """
    require_name(name)
    search = read_search(model)
    model = best_of(model)
    with open_preflight(model) as preflight:
        return _tag(
            model,
            name,
            train=train,
            test=test,
            settings=settings,
            with_modules=with_modules,
            search=search,
            trace=trace,
            tell=StageClock(progress),
            preflight=preflight,
        )


def _tag(
    model: Any,
    name: str,
    *,
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    settings: Settings,
    with_modules: Sequence[Path],
    search: pd.DataFrame | None,
    trace: Trace | None,
    tell: StageClock,
    preflight: Preflight,
) -> ModelVersion:
    tell("inspect the model and its data")
    require_model(model)
    modules = require_modules(with_modules)
    require_no_secrets(model, modules, read_secrets(os.environ))
    state = read_state(model, read_sources(modules))
    require_importable(state.references, [path.stem for path in modules])
    imported = require_carried(modules)
    rows = {split: _read_rows(model, data, split) for split, data in (("train", train), ("test", test))}
    require_same_columns(rows["train"].frame, rows["test"].frame)

    tell("look it up in the store")
    store = ModelStore(settings)
    store.require_task(name, read_task(model, rows["train"].y))
    if known := store.find(name, state.digest):
        return known

    tell("measure it on its data")
    signature = read_signature(model, train[0], rows["train"].frame, rows["train"].y, read_targets(train[1]))
    subject = Subject(model, state, signature, rows["train"], rows["test"], modules, imported)
    with OriginReading(subject.train, subject.test, targets=signature.targets, trace=trace) as reading:
        contents = replace(_read_contents(subject, reading, tell), search=search)
    tell("write its files")
    with staging_folder(settings) as folder:
        version, manifest_digest = _write(subject, contents, name, folder)
        tell("load it in a clean process")
        files = VersionFiles(folder, manifest_digest)
        timing = preflight.check(model, files, contents.reference.frame)
        cost = cost_of(model, folder / FILES[files.manifest.serialisation], timing, settings)
        manifest_digest = write_card(folder, add_file(folder, COST, cost_to_json(cost)))
        tell("register it")
        draft = Draft(
            version, folder, manifest_digest, contents.measured.published(), contents.description.parameters
        )
        return store.register(draft)


def _read_rows(model: Any, data: Any, split: str) -> Rows:
    frame, y = read_split(data, split, target_needed=needs_target(model))
    require_columns(model, data[0], frame, split=split)
    return Rows(frame, y)


def _read_contents(subject: Subject, reading: OriginReading, clock: StageClock) -> Contents:
    signature = subject.signature
    reference = subject.train.take(sample_rows(len(subject.train.frame)))
    answers = _predict(subject.model, reference, signature, "train")
    profile = profile_training(subject.train.frame, reference.frame, answers, signature)
    return Contents(
        profile=profile,
        reference=reference,
        test=subject.test,
        measured=_measure(subject).with_training(
            measure(signature, None, y=reference.y, predictions=answers)
        ),
        origin=reading.result(
            time.time(),
            libraries=read_requirements((*subject.state.references, *subject.imported), subject.own_modules),
            seconds=clock.seconds(),
        ),
        description=describe_model(subject.model, reading.secrets()),
        modules=subject.modules,
    )


def _measure(subject: Subject) -> Measured:
    signature, test = subject.signature, subject.test
    predictions = _predict(subject.model, test, signature, "test")
    probabilities = None
    if signature.probabilities:
        probabilities = np.asarray(subject.model.predict_proba(model_input(test.frame, signature)))
    table = model_input(test.frame, signature)
    numeric = all(column.kind in ("number", "integer", "boolean") for column in signature.columns)
    return estimate(
        signature,
        np.asarray(table, dtype=float) if signature.task == "clustering" and numeric else None,
        y=test.y,
        predictions=predictions,
        probabilities=probabilities,
    )


def _predict(model: Any, rows: Rows, signature: Signature, split: str) -> NDArray[Any]:
    """Answers on a split; raises NorenError where the model does not answer each row with one usable value."""
    try:
        answers = flat_predictions(model.predict(model_input(rows.frame, signature)))
    except Exception as error:
        raise NorenError(
            f"{type(model).__name__}.predict fails on X of {split}: {type(error).__name__}: {error} "
            "Pass the data as it was passed to fit."
        ) from error
    wanted = (len(rows.frame), *([len(signature.targets)] if signature.targets else []))
    if answers.shape != wanted:
        raise NorenError(
            f"{type(model).__name__}.predict answers {len(rows.frame)} rows of {split} with shape {answers.shape}, "
            f"and its target makes it {wanted}. Pass the y that the model was fitted on."
        )
    if answers.dtype.kind in "fc" and not np.isfinite(answers).all():
        bad = int(np.count_nonzero(~np.isfinite(answers)))
        raise NorenError(
            f"{type(model).__name__} answers {bad} of {len(answers)} rows of {split} with NaN or infinity. "
            "Impute missing values in a Pipeline, or leave these rows out."
        )
    return answers


def _write(subject: Subject, contents: Contents, name: str, folder: Path) -> tuple[ModelVersion, str]:
    """Write the version's folder, prove that the model can be read again, and return it without its number."""
    form, again = write_model(subject.model, folder, own_modules=subject.own_modules)
    always = ["skops" if form == "skops" else "cloudpickle", "numpy"]
    always += {
        "frame": ["pandas"],
        "series": ["pandas"],
        "polars": ["pandas", "polars"],
        "sparse": ["scipy"],
    }.get(subject.signature.container, [])
    always += read_output_libraries(subject.model)
    references = (*subject.state.references, *subject.imported)
    requirements = read_requirements(references, subject.own_modules, always=always)
    version = ModelVersion(name, 0, subject.state.digest, subject.signature, requirements)
    write_contents(contents, version, folder)
    if read_state(again, read_sources(subject.modules)).digest != subject.state.digest:
        raise NorenError(
            f"{type(subject.model).__name__} is another model after it was stored with {form} and read again. "
            "Tell us, with the model's class; until then store its state in plain attributes."
        )
    return version, write_manifest(version, form, folder)
