"""What a tag costs over the bare `mlflow.sklearn.log_model` of the same model: first and later ones in a process.

Bare is log_model with a registered name into SQLite, as MLflow's own pages show it; cloudpickle for the forest, whose
types its default refuses. It keeps no data, no signature and no metrics, and loads the model in a process of its own to
find what it needs; *pinned* is told the requirements, and loads it nowhere. Noren's tag keeps reference and test rows,
Profile, metrics with intervals, lineage and the digest, and loads and runs the model in a clean process before it
registers anything. Each round is a fresh process with scikit-learn and pandas imported and a store that is there; the
sides take turns.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import psutil

ROUNDS = 5
TAGS = 4
"""In each process: the first, and three later ones."""
MODELS = ("logistic", "forest")
SIDES = ("bare", "pinned", "noren")


def pinned(fitted: Any, kind: str, home: Path) -> None:
    bare(fitted, kind, home, pip_requirements=["scikit-learn", "numpy", "skops", "cloudpickle"])


def bare(fitted: Any, kind: str, home: Path, **options: Any) -> None:
    import mlflow
    import mlflow.sklearn

    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    mlflow.set_experiment("tumour")
    options |= {"serialization_format": "cloudpickle"} if kind == "forest" else {}
    with mlflow.start_run():
        mlflow.sklearn.log_model(fitted.model, name="model", registered_model_name="tumour", **options)


def noren(fitted: Any, kind: str, home: Path) -> None:
    from noren_bento.settings import load_settings
    from noren_bento.tagging.tag import tag_model

    settings = load_settings({"home": home}, environ={}, folder=home)
    tag_model(fitted.model, "tumour", train=fitted.train, test=fitted.test, settings=settings)


def cpu_seconds() -> float:
    """Of this process and its children: those that have ended, and those that are kept for the next tag."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    living = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(one.ru_utime + one.ru_stime for one in used) + sum(one.user + one.system for one in living)


def side(name: str, kind: str, home: Path, number: int) -> list[tuple[float, float]]:
    """Wall and CPU seconds of each tag in this process, children included."""
    from bench.sides.subject import fit

    models = [fit(kind, number + one) for one in range(TAGS)]
    act: Callable[..., None] = globals()[name]
    found = []
    for fitted in models:
        begun, cpu = time.perf_counter(), cpu_seconds()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            act(fitted, kind, home)
        found.append((time.perf_counter() - begun, cpu_seconds() - cpu))
    return found


def run(name: str, kind: str, home: Path, number: int) -> list[tuple[float, float]]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "bench.tag", "side", name, kind, str(home), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-4000:])
    return [(wall, cpu) for wall, cpu in json.loads(done.stdout.splitlines()[-1])]


def measure(kind: str, rounds: int) -> dict[str, list[list[tuple[float, float]]]]:
    """Each side's rounds."""
    found: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: Path(folder) / name for name in SIDES}
        for name, home in homes.items():
            home.mkdir()
            run(name, kind, home, 1000)  # the store is made, once and for all
        for one in range(rounds):
            for name, home in homes.items():
                found[name].append(run(name, kind, home, one * TAGS))
    return found


def main() -> None:
    """Print the table."""
    print("| model | tag | bare s | pinned s | Noren s | bare CPU s | pinned CPU s | Noren CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in MODELS:
        found = measure(kind, ROUNDS)
        for which, part in (("first in a process", slice(0, 1)), ("later", slice(1, None))):
            cells = [
                f"{median(tag[what] for one in found[name] for tag in one[part]):.2f}"
                for what in (0, 1)
                for name in SIDES
            ]
            print("| " + " | ".join((kind, which, *cells)) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["side"]:
        print(json.dumps(side(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))))
    else:
        main()
