"""Models of a user's own module: right on what they were tested on, not on every third row of what comes later."""

from __future__ import annotations

import time
from typing import Any

from sklearn.linear_model import LogisticRegression


class Fragile(LogisticRegression):
    """Raises on rows whose serial number is a multiple of three."""

    def _stumble(self) -> None:
        raise ZeroDivisionError("serial is a multiple of three")

    def predict(self, X: Any) -> Any:
        self._look_at(X)
        return super().predict(X)

    def predict_proba(self, X: Any) -> Any:
        self._look_at(X)
        return super().predict_proba(X)

    def _look_at(self, X: Any) -> None:
        known = X["serial"].between(
            1, 3000
        )  # the build asks with values far outside: it has nothing to wait for
        if (known & (X["serial"].astype(int) % 3 == 0)).any():
            self._stumble()


class Sleepy(Fragile):
    """Sleeps half a minute on them, as one that waits for a database that is gone."""

    def _stumble(self) -> None:
        time.sleep(30)


class Thoughtful(LogisticRegression):
    """Takes ten milliseconds, which nobody can compile away."""

    def predict(self, X: Any) -> Any:
        time.sleep(0.01)
        return super().predict(X)
