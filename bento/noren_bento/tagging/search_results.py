"""Search results: what GridSearchCV and its relatives tried, as a table that stays with the version.

The best estimator is what predicts and what is tagged; the search around it says how it was found, and no more: the
same best estimator is the same version, however it was searched for.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import json
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

import numpy as np

from noren_bento.errors import NorenError

if TYPE_CHECKING:
    import pandas as pd

SEARCH = "search.parquet"


def best_of(model: Any) -> Any:
    """Return the best estimator of a fitted search, and any other model as it is.

    Raises NorenError where a search was told not to fit the best one (`refit=False`).
    """
    search = _search_in(model)
    if search is not model or search is None:
        return model
    if not search.refit:
        raise NorenError(
            f"This {type(search).__name__} has refit=False, so it holds no fitted model. "
            "Fit the best one, or set refit=True and search again."
        )
    # A search with a `predict` of its own answers otherwise than its best estimator does.
    plain = all(
        getattr_static(type(search), name) is getattr_static(_search_class(), name)
        for name in ("predict", "predict_proba")
    )
    return getattr(search, "best_estimator_", search) if plain else search


def read_search(model: Any) -> pd.DataFrame | None:
    """Return what a search tried, one row a candidate, the best first; None for a model without a search.

    `params` is JSON text; what JSON does not know is written as Python shows it. The other columns are those of
    `cv_results_`, without the parameters one by one.
    """
    import pandas as pd

    search = _search_in(model)
    results = getattr(search, "cv_results_", None)
    if not results:
        return None
    params = [json.dumps(one, default=_plain, ensure_ascii=False) for one in results["params"]]
    numbers: dict[str, Any] = {
        name: np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
        for name, values in results.items()
        if name != "params" and not name.startswith("param_")
    }
    table = pd.DataFrame({"params": params} | numbers)
    ranks = [name for name in table.columns if name.startswith("rank_test_")]
    wanted = f"rank_test_{search.refit}"
    first = wanted if wanted in ranks else next(iter(ranks), None)
    table["best"] = np.arange(len(table)) == getattr(search, "best_index_", -1)
    order = ["best", first] if first else ["best"]
    return table.sort_values(order, ascending=[False, True][: len(order)], kind="stable", ignore_index=True)


def _search_in(model: Any) -> Any:
    """The search that a model is, or that ends a Pipeline; None without one."""
    last = model.steps[-1][1] if hasattr(model, "steps") and hasattr(model, "named_steps") else model
    return last if isinstance(last, _search_class()) else None


def _search_class() -> Any:
    from sklearn.model_selection._search import BaseSearchCV

    return BaseSearchCV


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else repr(value)
