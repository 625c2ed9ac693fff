"""A federation of three hospitals: Flower averages what each has learned; no patient leaves a hospital.

The federated tutorial runs this in an environment of its own, since Flower and MLflow want different versions of the
same libraries. Hospitals and server are one process here: what goes between them is what Flower would send.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server.strategy import FedAvg
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier

ROUNDS = 30
HOSPITALS = 3


def hospitals() -> list[tuple[np.ndarray, np.ndarray]]:
    """Each hospital's patients, of unequal number and kind; every fifth patient is nobody's, for the test."""
    X, y = load_breast_cancer(return_X_y=True)
    kept = np.arange(len(y)) % 5 != 0
    X, y = X[kept], y[kept]
    by_size = np.argsort(X[:, 0] + np.random.default_rng(0).normal(scale=4.0, size=len(y)))
    return [(X[part], y[part]) for part in np.array_split(by_size, [100, 250])]


def average(shares: list[tuple[list[np.ndarray], int]], number: int) -> list[np.ndarray]:
    """Flower's federated averaging (McMahan and others, 2017): weights by number of patients."""
    strategy = FedAvg(fit_metrics_aggregation_fn=lambda metrics: {})
    results = [
        (None, FitRes(Status(Code.OK, ""), ndarrays_to_parameters(arrays), patients, {}))
        for arrays, patients in shares
    ]
    averaged, _ = strategy.aggregate_fit(number, results, [])
    return parameters_to_ndarrays(averaged)


def main(path: Path) -> None:
    """Learn together; write mean, scale, coefficients and intercept."""
    sites = hospitals()
    mean, square = average([([X.mean(axis=0), (X**2).mean(axis=0)], len(X)) for X, _ in sites], 0)
    scale = np.sqrt(square - mean**2)
    coefficients, intercept = np.zeros((1, len(mean))), np.zeros(1)
    for number in range(1, ROUNDS + 1):
        shares = []
        for X, y in sites:
            model = SGDClassifier(
                loss="log_loss", alpha=1e-3, learning_rate="constant", eta0=0.01, random_state=number
            )
            model.partial_fit((X - mean) / scale, y, classes=[0, 1])  # makes the attributes, then ours go in
            model.coef_, model.intercept_ = coefficients.copy(), intercept.copy()
            model.partial_fit((X - mean) / scale, y)
            shares.append(([model.coef_, model.intercept_], len(X)))
        coefficients, intercept = average(shares, number)
    np.savez(path, mean=mean, scale=scale, coefficients=coefficients, intercept=intercept)
    print(f"{ROUNDS} rounds, hospitals of {', '.join(str(len(X)) for X, _ in sites)} patients")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
