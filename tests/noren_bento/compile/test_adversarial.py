from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from noren_bento.compile.adversarial import adversarial_rows
from noren_bento.compile.trees import find_splits
from noren_bento.serving.columns import columns_of_frame
from noren_bento.tagging.signature import read_signature
from tests.noren_bento.builds import numbers


def test_magnitudes_and_neighbours_of_the_reference_are_tried() -> None:
    X, y = numbers()
    model = RandomForestClassifier(2, random_state=0).fit(X, y)
    signature = read_signature(model, X, X, y)
    tried = adversarial_rows([], columns_of_frame(X, signature), signature, closed=frozenset())["n0"]
    first = X["n0"].iloc[0]
    assert {1e10 + 1, 1.7e9 + 0.5, 1e30, np.nextafter(first, 9), float(np.float32(first))} <= set(
        tried.tolist()
    )


def test_thresholds_of_the_models_own_trees_are_tried_with_their_neighbours() -> None:
    X, y = numbers()
    for model in (RandomForestClassifier(3, random_state=0), HistGradientBoostingClassifier(max_iter=3)):
        model.fit(X, y)
        signature = read_signature(model, X, X, y)
        root = find_splits([model], 4)[0]
        tried = adversarial_rows([model], columns_of_frame(X, signature), signature, closed=frozenset())
        near = {root.threshold, np.nextafter(root.threshold, np.inf), float(np.float32(root.threshold))}
        assert near <= set(tried[f"n{root.feature}"].tolist())
