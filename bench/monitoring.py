"""Monitoring's own share of a single-row request: CPU of counting and of the prediction log, beside the model's.

In one process, as a worker does it: requests are appended (on the request's path), the tally is flushed four times a
second and the log once in 1.5 s (both in threads beside it). Each column is process CPU, disk writes included, divided
by the requests of a worker at that rate. The last table is what pyarrow takes for the same rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from noren_bento.profile.build import build_profile
from noren_bento.profile.window import Layout
from noren_bento.release.version import Column, ModelVersion, Signature
from noren_bento.serving.answers import Answers
from noren_bento.serving.batch import Seen
from noren_bento.serving.columns import Columns, MatrixColumns
from noren_bento.serving.counts import CountFile
from noren_bento.serving.log import writer
from noren_bento.serving.log.settings import LogSettings
from noren_bento.serving.log.writer import PredictionLog
from noren_bento.serving.tally import Tally

RATES = (100, 1000)
"""Requests a second of one worker."""
WINDOWS = 20
FLUSHES = 6
"""Of the tally, in one of the log."""
REQUEST_ID = b"0123456789abcdef0123456789abcdef"


def four_numbers(random: np.random.Generator, rows: int) -> Columns:
    return MatrixColumns(tuple(f"n{place}" for place in range(4)), random.normal(size=(rows, 4)))


def twenty_mixed(random: np.random.Generator, rows: int) -> Columns:
    texts = np.array(["Rome", "Oslo", None], dtype=object)
    columns: dict[str, Any] = {f"n{place}": random.normal(size=rows) for place in range(10)}
    columns |= {f"i{place}": random.integers(0, 100, rows) for place in range(5)}
    return columns | {f"t{place}": texts[random.integers(0, 3, rows)] for place in range(5)}


def signature_of(columns: Columns) -> Signature:
    kinds: dict[str, Any] = {"f": "number", "i": "integer", "O": "text"}
    known = [Column(name, kinds[values.dtype.kind], str(values.dtype)) for name, values in columns.items()]
    return Signature(tuple(known), "classification", classes=("no", "yes"), probabilities=True)


def timed(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def measure(make: Callable[[np.random.Generator, int], Columns], rate: int) -> list[float]:
    """Microseconds a request: append, count, log; and the bytes of a row."""
    random = np.random.default_rng(0)
    reference = make(random, 1000)
    layout = Layout(build_profile(dict(reference), {"prediction": np.array(["no", "yes"] * 500, object)}))
    answers = Answers(np.array(["yes"], object), np.array([[0.25, 0.75]]))
    rows = [make(random, 1) for _ in range(rate // 4)]
    version = ModelVersion("bench", 1, "", signature_of(reference))
    spent: list[list[float]] = []
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        log = PredictionLog(version, LogSettings(folder / "bench" / "1"), tell=lambda written, dropped: None)
        tally = Tally(layout, CountFile(folder / "counts", layout), log.keep)

        def append() -> None:
            for columns in rows:
                tally.append(Seen(0.3, columns, answers, "", REQUEST_ID, time.time()))

        for _ in range(WINDOWS):
            of_tally = [(timed(append), timed(tally.flush)) for _ in range(FLUSHES)]
            appended, counted = map(sum, zip(*of_tally, strict=True))
            spent.append([appended, counted, timed(log.flush)])
        log.close()
        size = sum(path.stat().st_size for path in folder.glob("bench/1/*/*"))
    requests = FLUSHES * len(rows)
    medians = [1e6 * median(column) / requests for column in zip(*spent, strict=True)]
    return [*medians, size / (WINDOWS * requests)]


ALTERNATIVE = """
import json, sys, time
from pathlib import Path
import numpy as np
def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
random = np.random.default_rng(0)
rows = int(sys.argv[2])
numbers = {f"n{place}": random.normal(size=rows) for place in range(18)}
texts = {f"t{place}": np.array(["Rome", "Oslo", None], object)[random.integers(0, 3, rows)] for place in range(7)}
def with_pyarrow():
    import pyarrow as pa, pyarrow.parquet as pq
    values = {name: pa.array(one) for name, one in numbers.items()}
    values |= {name: pa.array(one, pa.string()) for name, one in texts.items()}
    pq.write_table(pa.table(values), sys.argv[3], compression="NONE")
def with_numpy():
    from noren_bento.serving.log.encode import encode
    from noren_bento.serving.log.parquet import Field, write_table
    fields = [*(Field(name, "number") for name in numbers), *(Field(name, "text", optional=True) for name in texts)]
    chunks = [encode(field, {**numbers, **texts}[field.name]) for field in fields]
    Path(sys.argv[3]).write_bytes(write_table(fields, chunks))
write = {"pyarrow": with_pyarrow, "noren": with_numpy}[sys.argv[1]]
before = resident()
write()
spent = []
for _ in range(20):
    began = time.process_time()
    write()
    spent.append(time.process_time() - began)
print(json.dumps([1e6 * sorted(spent)[10] / rows, resident() - before]))
"""


def compare(side: str, rows: int) -> list[float]:
    """Microseconds a row, and megabytes that a process has more after it wrote."""
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-c", ALTERNATIVE, side, str(rows), str(Path(work) / "x.parquet")]
        found: list[float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def main() -> None:
    writer.FLUSH_SECONDS = 3600.0  # flushed by hand here
    print("| model | requests/s of a worker | append, on the path | count | log | bytes a row |")
    print("|---|---|---|---|---|---|")
    for name, make in (("4 numbers", four_numbers), ("20 mixed columns", twenty_mixed)):
        for rate in RATES:
            appended, counted, logged, size = measure(make, rate)
            print(
                f"| {name} | {rate} | {appended:.1f} µs | {counted:.1f} µs | {logged:.1f} µs | {size:.0f} |"
            )
    print("\n| 25 columns as Parquet | CPU a row, 150 rows | 1,500 rows | memory |")
    print("|---|---|---|---|")
    for side, name in (("noren", "with NumPy alone"), ("pyarrow", "pyarrow")):
        (few, _), (many, memory) = compare(side, 150), compare(side, 1500)
        print(f"| {name} | {few:.1f} µs | {many:.1f} µs | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
