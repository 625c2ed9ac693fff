"""Original: the fitted model itself, for what cannot be compiled. The only place in serving that needs pandas."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import NUMERIC, Columns, as_matrix, frame_of_columns


class Original:
    """Answers rows with the model as it was fitted: on a DataFrame, or on an array."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        self._names = signature.names()
        self._numeric = all(column.kind in NUMERIC for column in signature.columns)
        _use_one_job(model)

    def _input(self, columns: Columns) -> Any:
        if self._signature.container == "frame":
            return frame_of_columns(columns, self._signature)
        if self._numeric:
            return self._as_fitted(as_matrix(columns, self._names))
        array = np.column_stack([columns[name].astype(object) for name in self._names])
        array[np.array([[value is None for value in row] for row in array.tolist()])] = np.nan
        return array

    def _as_fitted(self, matrix: NDArray[np.float64]) -> NDArray[Any]:
        """The dtype of the fitted array; floats where it is integers, which have no missing value."""
        dtype = np.dtype(self._signature.columns[0].dtype)
        if dtype.kind in "iub" and np.isnan(matrix).any():
            return matrix
        return matrix.astype(dtype, copy=False)

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows; whatever the model raises comes through."""
        given = self._input(columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions = _flat(np.asarray(self._model.predict(given)))
            if not self._signature.probabilities:
                return Answers(predictions)
            probabilities = self._model.predict_proba(given)
        if isinstance(probabilities, list):  # several targets: one array each, of unequal width
            return Answers(predictions)
        return Answers(predictions, np.asarray(probabilities, dtype=np.float64))


def _flat(predictions: Any) -> Any:
    return predictions[:, 0] if predictions.ndim == 2 and predictions.shape[1] == 1 else predictions


def _use_one_job(model: Any) -> None:
    """Starting threads costs more than the prediction of a row; scikit-learn's answers do not depend on it."""
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    jobs = [name for name in model.get_params(deep=True) if name == "n_jobs" or name.endswith("__n_jobs")]
    if jobs:
        model.set_params(**dict.fromkeys(jobs, 1))
