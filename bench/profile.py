"""What the Profile of all training rows costs, beside `DataFrame.describe()` of the same rows.

Each side is a process of its own, which makes rows × 50 normal floats, and only then begins to measure: CPU seconds,
and the most memory above that of the data. The data lie by columns, as Parquet and CSV files give them, or by rows, as
an array that a model was fitted on. `python -m bench.profile 10000000` takes as many rows (4 GB).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROWS = 2_000_000
COLUMNS = 50
SIDES = ("profile", "describe")
ORDERS = ("columns", "rows")


def make_frame(rows: int, order: str) -> Any:
    import numpy as np
    import pandas as pd

    shape = (COLUMNS, rows) if order == "columns" else (rows, COLUMNS)
    table = np.empty(shape)
    random = np.random.default_rng(0)
    for part in np.array_split(table.reshape(-1), 64):
        random.standard_normal(out=part)
    table = table.T if order == "columns" else table
    return pd.DataFrame(table, columns=[f"x{number}" for number in range(COLUMNS)], copy=False)


def profile(frame: Any) -> None:
    import numpy as np

    from noren_bento.release.version import Column, Signature
    from noren_bento.tagging.frames import sample_rows
    from noren_bento.tagging.training_profile import profile_training

    signature = Signature(tuple(Column(name, "number", "float64") for name in frame.columns), "regression")
    reference = frame.iloc[sample_rows(len(frame))].reset_index(drop=True)
    found = profile_training(frame, reference, np.zeros(len(reference)), signature)
    assert found.rows == len(frame) == sum(found.columns[0].counts)


def describe(frame: Any) -> None:
    assert frame.describe().loc["count", "x0"] == len(frame)


def measure(side: str, rows: int, order: str) -> dict[str, float]:
    """Wall and CPU seconds of one side in this process, and the megabytes that it took above the data's."""
    work = globals()[side]
    work(make_frame(1000, order))  # its imports
    frame = make_frame(rows, order)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew
    before, cpu, begun = _memory_mb("VmRSS"), time.process_time(), time.perf_counter()
    work(frame)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "memory_mb": _memory_mb("VmHWM") - before}


def _memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1000


def main(rows: int = ROWS) -> None:
    """Print the table."""
    print(f"{rows:,} rows × {COLUMNS} float64, {rows * COLUMNS * 8 / 1e9:.1f} GB\n")
    print("| data lie by | | CPU s | seconds | memory above the data, MB |\n|---|---|---|---|---|")
    for order in ORDERS:
        for side in SIDES:
            done = subprocess.run(
                [sys.executable, "-m", "bench.profile", "side", side, str(rows), order],
                check=True,
                stdout=subprocess.PIPE,
            )
            one = json.loads(done.stdout)
            name = "Profile" if side == "profile" else "describe()"
            print(
                f"| {order} | {name} | {one['cpu']:.2f} | {one['seconds']:.2f} | {one['memory_mb']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["side"]:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]), sys.argv[4])))
    else:
        main(*map(int, sys.argv[1:2]))
