"""Targets: several targets laid end to end, so that each row of each target is scored like one of a single one. Pure.

Values are put into units of their target's own spread: R² of all of them is then the mean of the targets' R². Labels
are named `target: label`: balanced accuracy is then the mean recall over all labels of all targets. A row counts once
a target, so that intervals are somewhat too narrow where targets move together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noren_bento.release.version import Signature

Values = NDArray[Any]


def lay_end_to_end(signature: Signature, values: Values, *, y: Values) -> Values:
    """Return (rows, targets) as (targets × rows,), one target after the other; what has one target is returned as is.

    `y` is what was measured, of the same shape: its mean and spread give the units.

    >>> from noren_bento.release.version import Signature
    >>> several = Signature((), "classification", targets=("a", "b"), target_classes=(("no", "yes"), (0, 1)))
    >>> labels = np.array([["no", 1], ["yes", 0]], dtype=object)
    >>> lay_end_to_end(several, labels, y=labels).tolist()
    ['a: no', 'a: yes', 'b: 1', 'b: 0']
    """
    if not signature.targets:
        return values
    if signature.task == "regression":
        numbers, measured = np.asarray(values, dtype=float), np.asarray(y, dtype=float)
        spread = measured.std(axis=0)
        units = (numbers - measured.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        return np.asarray(units.T.ravel())
    named = [
        f"{name}: {_plain(label)}"
        for name, column in zip(signature.targets, values.T, strict=True)
        for label in column.tolist()
    ]
    return np.array(named, dtype=object)


def _plain(label: Any) -> Any:
    """Chains of classifiers answer 1.0 where 1 was learned."""
    return int(label) if isinstance(label, float) and label.is_integer() else label


def mean_by_row(signature: Signature, losses: Values) -> Values:
    """Return one loss a row from losses laid end to end: the mean over its targets."""
    if not signature.targets:
        return losses
    return np.asarray(losses.reshape(len(signature.targets), -1).mean(axis=0))
