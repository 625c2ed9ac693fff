"""Original: the fitted model itself, for what cannot be compiled. The only place in serving that needs pandas."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import NUMERIC, Columns, as_matrix, frame_of_columns
from noren_bento.serving.containers import contain


class Original:
    """Answers rows with the model as it was fitted: on a DataFrame, or on an array."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._signature = signature
        self._names = signature.names()
        self._numeric = all(column.kind in NUMERIC for column in signature.columns)
        _use_one_job(model)

    def _input(self, columns: Columns) -> Any:
        if self._signature.container not in ("array", "sparse"):
            return contain(frame_of_columns(columns, self._signature), self._signature)
        if self._numeric:
            matrix = self._as_fitted(as_matrix(columns, self._names))
            return matrix if self._signature.container == "array" else self._as_sparse(matrix)
        array = np.column_stack([columns[name].astype(object) for name in self._names])
        array[np.array([[value is None for value in row] for row in array.tolist()])] = np.nan
        return array

    def _as_fitted(self, matrix: NDArray[np.float64]) -> NDArray[Any]:
        """The dtype of the fitted array; floats where it is integers, which have no missing value."""
        dtype = np.dtype(self._signature.columns[0].dtype)
        if dtype.kind in "iub" and np.isnan(matrix).any():
            return matrix
        return matrix.astype(dtype, copy=False)

    def _as_sparse(self, matrix: NDArray[Any]) -> Any:
        from scipy.sparse import csr_matrix  # noqa: PLC0415 -- only where a model was fitted on one

        return csr_matrix(matrix)

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows; whatever the model raises comes through."""
        given = self._input(columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions = flat_predictions(self._model.predict(given))
            if not self._signature.probabilities:
                return Answers(predictions)
            probabilities = self._model.predict_proba(given)
        return Answers(predictions, np.asarray(probabilities, dtype=np.float64))


def flat_predictions(predictions: Any) -> NDArray[Any]:
    """Return what `predict` gave as a dense array, of shape (rows,) where there is one target."""
    array = np.asarray(predictions.toarray() if hasattr(predictions, "toarray") else predictions)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _use_one_job(model: Any) -> None:
    """Starting threads costs more than the prediction of a row; scikit-learn's answers do not depend on it."""
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    jobs = [name for name in model.get_params(deep=True) if name == "n_jobs" or name.endswith("__n_jobs")]
    if jobs:
        model.set_params(**dict.fromkeys(jobs, 1))
