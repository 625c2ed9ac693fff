"""What smaller variants of a model gain and cost: forest, boosting, logistic regression and network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from noren_bento.compress.compress import compress
from noren_bento.release.version import ModelVersion
from noren_bento.tagging.frames import to_frame
from noren_bento.tagging.signature import read_signature


def synthetic() -> tuple[np.ndarray, np.ndarray]:
    return make_classification(40_000, 30, n_informative=12, flip_y=0.05, random_state=0)


def digits() -> tuple[np.ndarray, np.ndarray]:
    return load_digits(return_X_y=True)


MODELS: dict[str, tuple[Any, Any]] = {
    "tree": (DecisionTreeClassifier(random_state=0), synthetic),
    "forest": (RandomForestClassifier(100, random_state=0, n_jobs=2), synthetic),
    "boosting": (HistGradientBoostingClassifier(max_iter=200, random_state=0), synthetic),
    "logistic": (
        make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=0.1, max_iter=500)),
        digits,
    ),
    "network": (make_pipeline(StandardScaler(), MLPClassifier((256, 128), random_state=0)), digits),
}


def main() -> None:
    """Print one table a model, all in one run."""
    for name, (model, data) in MODELS.items():
        X, y = data()
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
        model.fit(X, y)
        version = ModelVersion(name, 1, "0" * 64, read_signature(model, X, to_frame(X), y))
        found = compress(model, version, train=(X, y), test=(to_frame(X_test), y_test))
        print(
            f"**{type(model[-1] if hasattr(model, 'steps') else model).__name__}**, {found.rows:,} test rows\n"
        )
        print(f"| {' | '.join(found.head())} |\n|{'---|' * len(found.head())}")
        for cells in found.cells():
            print(f"| {' | '.join(cells)} |")
        print()


if __name__ == "__main__":
    main()
