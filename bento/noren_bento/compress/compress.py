"""Compressing: tries what fits a model's kind on copies of it, and measures what each gains and costs."""

from __future__ import annotations

import copy
import tempfile
import time
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.compress.boosting import propose_fewer_stages
from noren_bento.compress.forests import propose_fewer_trees
from noren_bento.compress.proposal import Proposal
from noren_bento.compress.result import Compression, Variant
from noren_bento.compress.trees import propose_pruning
from noren_bento.compress.weights import propose_weights
from noren_bento.release.version import ModelVersion
from noren_bento.serving.original import flat_predictions
from noren_bento.tagging.cost import inputs_of, time_predictions
from noren_bento.tagging.frames import model_input, sample_rows
from noren_bento.tagging.metrics.intervals import Bootstrap, Floats, Interval, interval_of
from noren_bento.tagging.metrics.metrics import r2_draws
from noren_bento.tagging.serialise import FILES, write_model

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[Any]
TIMED_ROWS = 2_000
ORIGINAL = Proposal("original", "As it was fitted.", lambda model: None)


@dataclass(frozen=True, slots=True)
class TestRows:
    """Rows of the test data, with what is true of them where it is known."""

    __test__ = False  # for pytest, which takes it for a test by its name

    frame: pd.DataFrame
    y: Values | None
    of: int
    """Rows of all test data."""


def compress(
    model: Any,
    version: ModelVersion,
    *,
    train: tuple[Any, Values | None],
    test: tuple[pd.DataFrame, Values | None],
    own_modules: Collection[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Compression:
    """Try what fits the model's kind. The model itself stays as it is, and nothing is fitted.

    `train` is X as the model takes it and y: rows that decide which trees and weights go. `test` is what the variants
    are measured on, up to 10,000 rows of it. Classes of the user's own come from `own_modules`.
    """
    tell = progress or (lambda text: None)
    chosen = sample_rows(len(test[0]))
    frame = test[0].iloc[chosen].reset_index(drop=True)
    rows = TestRows(frame, None if test[1] is None else np.asarray(test[1])[chosen], len(test[0]))
    proposals = propose(model, *train)
    measuring = _Measuring(version, rows, frozenset(own_modules))
    tell("measure the original")
    original = measuring.measure(model, ORIGINAL)
    variants = []
    for proposal in proposals:
        tell(f"try {proposal.name}")
        variants.append(measuring.measure(model, proposal))
    variants.sort(key=lambda variant: -variant.bytes)
    return Compression(
        version, (original, *variants), tuple(proposals), model, rows=len(frame), of_rows=rows.of
    )


def propose(model: Any, X: Any, y: Values | None) -> list[Proposal]:
    """Return what may be tried on a model, by its kind; nothing for a kind that has nothing to leave out."""
    return [
        *propose_pruning(model),
        *propose_fewer_trees(model, X, y),
        *propose_fewer_stages(model),
        *propose_weights(model, X),
    ]


def apply(proposal: Proposal, model: Any) -> Any:
    """Return a changed copy of a model."""
    changed = copy.deepcopy(model)
    proposal.apply(changed)
    return changed


class _Measuring:
    """Measures variants, each against the original, which comes first."""

    def __init__(self, version: ModelVersion, rows: TestRows, own_modules: frozenset[str]) -> None:
        self.signature = version.signature
        self.rows = rows
        self.own_modules = own_modules
        self.given = model_input(rows.frame, self.signature)
        self.timed = inputs_of(rows.frame.head(TIMED_ROWS), self.signature)
        self.bootstrap = Bootstrap(len(rows.frame))
        self.answers: Values | None = None
        self.draws: Floats | None = None

    def measure(self, model: Any, proposal: Proposal) -> Variant:
        """Write it, read it again, time it and compare its answers with the original's."""
        size, read = self._store(apply(proposal, model))
        # CPU time, since variants are timed one after the other: what else runs here would favour one of them.
        timing = time_predictions(read, self.timed, self.signature, clock=time.process_time)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = flat_predictions(read.predict(self.given))
        draws = self._draw(answers)
        if self.answers is None:
            self.answers, self.draws = answers, draws
        return Variant(
            name=proposal.name,
            how=proposal.how,
            bytes=size,
            one_row_ms=timing.one_row_ms,
            rows_per_second=timing.rows_per_second,
            score=None if draws is None else interval_of(draws),
            gain=None if draws is None or self.draws is None else _difference(draws, self.draws),
            changed=self._changed(answers),
        )

    def _store(self, model: Any) -> tuple[int, Any]:
        with tempfile.TemporaryDirectory(prefix="noren-compress-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the format: the tag of the original has said it
            form, read = write_model(model, Path(folder), own_modules=self.own_modules)
            return (Path(folder) / FILES[form]).stat().st_size, read

    def _draw(self, answers: Values) -> Floats | None:
        """Accuracy or R², measured and resampled; of several targets the mean."""
        if self.rows.y is None or self.signature.task not in ("classification", "regression"):
            return None
        truths, given = (values.reshape(len(answers), -1) for values in (self.rows.y, answers))
        if self.signature.task == "classification":
            right = np.mean([truth == one for truth, one in zip(truths.T, given.T, strict=True)], axis=0)
            return np.asarray(self.bootstrap.mean(right)[:, 0])
        draws = []
        for truth, one in zip(truths.T.astype(float), given.T.astype(float), strict=True):
            draws.append(r2_draws(truth, (one - truth) ** 2, bootstrap=self.bootstrap))
        return np.asarray(np.mean(draws, axis=0))

    def _changed(self, answers: Values) -> float:
        """Share of rows with another label, or the largest difference of a number."""
        assert self.answers is not None
        if self.signature.task == "regression":
            return float(np.max(np.abs(answers.astype(float) - self.answers.astype(float))))
        other = (answers != self.answers).reshape(len(answers), -1)
        return float(other.any(axis=1).mean())


def _difference(draws: Floats, original: Floats) -> Interval:
    """The score minus the original's, drawn in pairs: what is hard for both is taken out."""
    return interval_of(draws - original)
