"""Original: the fitted model itself, on a DataFrame. The only place in serving that needs pandas."""

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
        use_one_job(model)

    def make_input(self, columns: Columns) -> Any:
        """What the model is given for these rows."""
        if self._signature.container in ("array", "sparse"):
            return make_array(columns, self._signature)
        return contain(frame_of_columns(columns, self._signature), self._signature)

    def predict(self, columns: Columns) -> Answers:
        """Answer the rows; whatever the model raises comes through."""
        given = self.make_input(columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions = flat_predictions(self._model.predict(given))
            if self._signature.probabilities:
                return Answers(predictions, np.asarray(self._model.predict_proba(given), dtype=np.float64))
            return Answers(
                predictions, scores=read_scores(self._model, given) if self._signature.scores else None
            )


def make_array(columns: Columns, signature: Signature) -> Any:
    """The rows as the array or sparse matrix that a model was fitted on."""
    names = signature.names()
    if not all(column.kind in NUMERIC for column in signature.columns):
        return make_objects(columns, names)
    matrix = as_matrix(columns, names)
    dtype = np.dtype(signature.columns[0].dtype)
    # Floats where the array was of integers, which have no missing value.
    if dtype.kind not in "iub" or not np.isnan(matrix).any():
        matrix = matrix.astype(dtype, copy=False)
    return np.ascontiguousarray(matrix) if signature.container == "array" else _as_sparse(matrix)


def make_objects(columns: Columns, names: tuple[str, ...]) -> NDArray[Any]:
    """The rows as an array of objects, NaN where a value is missing."""
    array = np.column_stack([columns[name].astype(object) for name in names])
    array[np.array([[value is None for value in row] for row in array.tolist()])] = np.nan
    return array


def _as_sparse(matrix: NDArray[Any]) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 -- only where a model was fitted on one

    return csr_matrix(matrix)


def flat_predictions(predictions: Any) -> NDArray[Any]:
    """Return what `predict` gave as a dense array, of shape (rows,) where there is one target."""
    array = np.asarray(predictions.toarray() if hasattr(predictions, "toarray") else predictions)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def read_scores(model: Any, given: Any) -> NDArray[np.float64]:
    """Return what `decision_function` gives, of shape (rows,) where that is one number a row."""
    return flat_predictions(np.asarray(model.decision_function(given), dtype=np.float64))


def use_one_job(model: Any) -> None:
    """Starting threads costs more than the prediction of a row; scikit-learn's answers do not depend on it."""
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    jobs = [name for name in model.get_params(deep=True) if name == "n_jobs" or name.endswith("__n_jobs")]
    if jobs:
        model.set_params(**dict.fromkeys(jobs, 1))
