"""What cannot be tagged: each question raises a NorenError that says what to change."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import difflib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError
from noren_bento.tagging.digest import Reference
from noren_bento.tagging.frames import is_frame, to_frame

if TYPE_CHECKING:
    import pandas as pd


def require_model(model: object) -> None:
    """Raise unless this is a fitted model with `predict`."""
    if isinstance(model, type):
        raise NorenError(
            f"{model.__name__} is a class, not a model. Make one and fit it: {model.__name__}().fit(X, y)."
        )
    if not callable(getattr(model, "predict", None)):
        hint = ", or tag the Pipeline that ends in a predictor" if hasattr(model, "transform") else ""
        raise NorenError(
            f"A {type(model).__name__} has no `predict`, so it cannot answer requests. "
            f"Wrap it in a class with fit and predict{hint}."
        )
    if hasattr(model, "get_params") and not _is_fitted(model):
        raise NorenError(f"This {type(model).__name__} is not fitted. Call .fit(X, y) before tagging it.")


def _is_fitted(model: Any) -> bool:
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(model, BaseEstimator):
        return True
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def read_split(
    data: Any, split: str, *, target_needed: bool = True
) -> tuple[pd.DataFrame, NDArray[Any] | None]:
    """Return (frame, y) of a split given as (X, y); raises for what is missing or does not go together.

    y is 1-d, or of shape (rows, targets) where there are several, without missing values; None where the task needs
    no target and none was given.
    """
    example = f"{split}=(X_{split}, y_{split})"
    if data is None or not isinstance(data, (tuple, list)) or len(data) != 2:
        what = "no" if data is None else f"a {type(data).__name__} as"
        raise NorenError(
            f"There is {what} {split} data. Pass two things, the columns and the target: {example}."
        )
    frame = to_frame(data[0], f"X of {split}")
    if not len(frame) or not frame.shape[1]:
        raise NorenError(
            f"X of {split} is empty, {frame.shape[0]} rows × {frame.shape[1]} columns. Pass {example}."
        )
    if data[1] is None:
        if target_needed:
            raise NorenError(f"{split} has no target: y is None. Pass {example}.")
        return frame, None
    y = _read_target(data[1], split)
    if len(y) != len(frame):
        raise NorenError(
            f"X of {split} has {len(frame)} rows and y of {split} has {len(y)}. Take both from the same split."
        )
    return frame, y


def _read_target(y: Any, split: str) -> NDArray[Any]:
    import pandas as pd

    if hasattr(y, "toarray"):  # labels of several targets are often sparse
        y = y.toarray()
    values = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.ravel()
    if values.ndim not in (1, 2):
        raise NorenError(
            f"y of {split} has the shape {values.shape}. Pass one value a row, or one row of targets a row."
        )
    missing = int(np.count_nonzero(pd.isna(values)))
    if missing:
        raise NorenError(f"y of {split} has {missing} missing values. Drop these rows from X and y.")
    return values


def read_targets(y: Any) -> tuple[str, ...]:
    """Return the names of several targets: y's columns, or y0, y1, …; nothing where there is one."""
    if np.ndim(y) != 2 or np.shape(y)[1] == 1:
        return ()
    return tuple(map(str, getattr(y, "columns", [f"y{number}" for number in range(np.shape(y)[1])])))


def require_columns(model: Any, X: Any, frame: pd.DataFrame, *, split: str) -> None:
    """Raise unless the data has the columns that the model was fitted on, in that order."""
    fitted = getattr(model, "feature_names_in_", None)
    given = frame.columns.tolist()
    if fitted is not None and is_frame(X):
        _require_same_names([str(name) for name in fitted], given, split)
    elif fitted is not None:
        raise NorenError(
            f"The model was fitted on a DataFrame and X of {split} is a {type(X).__name__} without column names. "
            f"Pass the DataFrame with: {_listed([str(name) for name in fitted])}."
        )
    count = getattr(model, "n_features_in_", None)
    if isinstance(count, int) and count != len(given):
        raise NorenError(
            f"The model was fitted on {count} columns and X of {split} has {len(given)}. Pass the same ones."
        )
    if fitted is None and count is not None and is_frame(X) and _is_of_scikit_learn(model):
        raise NorenError(
            f"The model was fitted on an array, without column names, and X of {split} is a DataFrame. "
            f"Fit on the DataFrame, or pass the array: X_{split}.to_numpy()."
        )


def _is_of_scikit_learn(model: Any) -> bool:
    """Others, such as CatBoost, keep the columns' names in attributes of their own."""
    return any(base.__module__.startswith("sklearn.") for base in type(model).__mro__)


def _require_same_names(fitted: list[str], given: list[str], split: str) -> None:
    lacking = [name for name in fitted if name not in given]
    extra = [name for name in given if name not in fitted]
    if lacking or extra:
        near = difflib.get_close_matches(lacking[0], extra, n=1) if lacking else []
        parts = [f"lacks {_listed(lacking)}"] if lacking else []
        parts += [f"has {_listed(extra)}, which the model was not fitted on"] if extra else []
        hint = f" Is {near[0]!r} meant to be {lacking[0]!r}?" if near else ""
        raise NorenError(
            f"X of {split} {' and '.join(parts)}.{hint} Pass the columns that the model was fitted on: "
            f"{_listed(fitted)}."
        )
    if fitted != given:
        raise NorenError(
            f"X of {split} has the model's columns in another order. Pass X[model.feature_names_in_]."
        )


def _listed(names: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")


def require_same_columns(train: pd.DataFrame, test: pd.DataFrame) -> None:
    """Raise unless both splits have the same columns (models without `feature_names_in_` do not say theirs)."""
    if train.columns.tolist() != test.columns.tolist():
        _require_same_names(train.columns.tolist(), test.columns.tolist(), "test")


def require_importable(references: Iterable[Reference], own_modules: Iterable[str]) -> None:
    """Raise where a model holds a class or function that cannot be imported where it will be served.

    `own_modules` are the names of the modules that travel with the version.
    """
    own = set(own_modules)
    for reference in references:
        if "<lambda>" in reference.qualname or "<locals>" in reference.qualname:
            what = "a lambda" if "<lambda>" in reference.qualname else "defined inside a function"
            raise NorenError(
                f"{reference.place} is {what} ({reference}), which cannot be loaded in another process. "
                "Write it at the top of a module, such as features.py, import it from there, fit again, "
                "and tag --with features.py."
            )
        top = reference.module.partition(".")[0]
        if top == "__main__":
            raise NorenError(
                f"{reference.place} needs {reference.qualname}, which is defined in the notebook; it does not exist "
                "where the model is served. Move it to a module, such as features.py, import it from there, fit again, "
                "and tag --with features.py."
            )
        if top not in own and not is_installed(top):
            raise NorenError(
                f"{reference.place} needs {reference}, and {top} is not an installed package, so it does not exist "
                f"where the model is served. Tag --with {source_of(top)}."
            )


def is_installed(module: str) -> bool:
    """Whether a top-level module belongs to Python or to an installed package, by where it lies."""
    if module in sys.stdlib_module_names or module in sys.builtin_module_names:
        return True
    origin = _origin_of(module)
    if origin is None:  # built in, or the name that a compiled class gives for its module
        return module not in sys.modules or hasattr(sys.modules[module], "__path__")
    folders = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    return any(origin.is_relative_to(folder) for folder in set(folders))


def _origin_of(module: str) -> Path | None:
    """The file or folder that a top-level module is imported from, or would be."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        places = [getattr(loaded, "__file__", None), *getattr(loaded, "__path__", ())]
    else:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            return None
        inner = [] if spec is None else [*(spec.submodule_search_locations or ())]
        places = [*inner, None if spec is None or not spec.has_location else spec.origin]
    return next((Path(place) for place in places if place), None)


def source_of(module: str) -> str:
    """The file or package folder to name after `--with`, from here where that is shorter."""
    origin = _origin_of(module) or Path(f"{module}.py")
    origin = origin.parent if origin.name == "__init__.py" else origin
    return str(origin.relative_to(Path.cwd())) if origin.is_relative_to(Path.cwd()) else str(origin)
