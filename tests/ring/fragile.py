"""A model of a user's own module: right on what it was tested on, raising on every third row of what comes later."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression


class Fragile(LogisticRegression):
    """Raises on rows whose serial number is a multiple of three."""

    def _refuse(self, X: Any) -> None:
        if (X["serial"].astype(int) % 3 == 0).any():
            raise ZeroDivisionError("serial is a multiple of three")

    def predict(self, X: Any) -> Any:
        self._refuse(X)
        return super().predict(X)

    def predict_proba(self, X: Any) -> Any:
        self._refuse(X)
        return super().predict_proba(X)
