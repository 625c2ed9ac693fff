"""How long `import noren`, `%load_ext noren` and the shell command take, beside what a notebook has imported anyway.

Each run is a fresh interpreter; the statements take turns, so that a busy moment hits all of them alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median

RUNS = 15
SHELL = "from noren.cli import main;"
STATEMENTS = {
    "nothing": "pass",
    "import noren": "import noren",
    "import IPython": "import IPython",
    "import IPython, %load_ext noren": "import IPython, noren, noren.magics, noren.cards",
    "import IPython, the first verb": "import IPython, noren.magics, noren.cards, noren.handle",
    "noren --version": f"{SHELL} main(['--version'], standalone_mode=False)",
    "noren deploy --help": f"{SHELL} main(['deploy', '--help'], standalone_mode=False)",
    "import pandas": "import pandas",
    "import sklearn.pipeline": "import sklearn.pipeline",
    "import mlflow": "import mlflow",
    "import bentoml": "import bentoml",
}


def measure(runs: int = RUNS) -> dict[str, tuple[float, float]]:
    """Median wall-clock and CPU milliseconds of each statement, above those of an interpreter that does nothing."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in STATEMENTS}
    for _ in range(runs):
        for name, statement in STATEMENTS.items():
            samples[name].append(_run(statement))
    medians = {
        name: (median(wall for wall, _ in found), median(cpu for _, cpu in found))
        for name, found in samples.items()
    }
    idle = medians.pop("nothing")
    return {name: (wall - idle[0], cpu - idle[1]) for name, (wall, cpu) in medians.items()}


def _run(statement: str) -> tuple[float, float]:
    before, begun = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return 1000 * wall, 1000 * cpu


def main() -> None:
    """Print the table."""
    print("| statement | wall ms | CPU ms |\n|---|---|---|\n", end="")
    for name, (wall, cpu) in measure().items():
        print(f"| {name} | {wall:.0f} | {cpu:.0f} |")


if __name__ == "__main__":
    main()
