"""Noren's service beside other servers of the same models: CPU a request, latency, start, memory.

Each server is started for each model and round, must answer 64 single rows and 1,000 rows at once exactly as the model
does, is warmed, and then asked; the servers take turns, another one first in each round, and nothing else is served
meanwhile. CPU is that of the server's whole process tree, ended children included; the client is another process on
the same machine. Figures are medians of the rounds. Every server has one worker and OMP_NUM_THREADS=1, and writes no
access log where an option of its own turns that off; uvloop and httptools wherever a server can use them.

- Noren: a tagged and built version, started by `noren_bento.targets.launch`: schema check, counters of every column and
  output, drift's counts and the prediction log on; without Envoy, as the others are without a proxy. It answers labels
  and probabilities. It counts and logs after it has answered: what follows the load until it is quiet is in its CPU.
- `mlflow models serve --env-manager local`: saved with a signature, as its pages advise; `dataframe_split`.
- BentoML: a DataFrame in, scikit-learn's predict. With `batchable`: an array where the model takes numbers only, else a
  list of rows, since a batchable DataFrame is never answered (BentoML 1.4.39).
- FastAPI on uvicorn: a pydantic model of the row, a DataFrame, predict in an `async def`.
- LitServe: its four methods; lists of numbers where the model takes numbers only, records where it does not.
- MLServer with mlserver-sklearn, the model in the server's own process (`parallel_workers: 0`), access log off; one
  tensor where the model takes numbers only, else one a column (`content_type: pd`).
- The limit: a bare ASGI function on uvicorn with msgspec's typed decoder and ONNX Runtime; labels and probabilities,
  no limits, checks beyond types, counts or log.

All peers answer labels only. The services are in sides/serving/services; packages that Noren does not depend on are
installed from sides/serving/peers*.txt into environments under .cache.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.sides.serving.environments import NotInstalledError, python_with
from bench.sides.serving.forms import ARROW, RETRIED, SPLIT
from bench.sides.serving.measure import Amount, ServerError, Visit, Workload, visit
from bench.sides.serving.models import MODELS, USUAL, Subject, prepare
from bench.sides.serving.servers import SERVERS
from bench.sides.serving.tables import (
    Found,
    Share,
    left_out,
    ratio_table,
    share_table,
    start_table,
    workload_table,
)
from bench.sides.serving.tree import MARK, end_marked
from noren_bento.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
SECONDS = 3.0
PACKAGES = ("noren", "bentoml", "mlflow", "onnxruntime", "scikit-learn", "pandas", "numpy", "uvicorn")
PEERS = {"peers": ("fastapi", "litserve"), "peers_mlserver": ("mlserver",)}
COUNTED, UNCOUNTED, UNLOGGED = "one-16", "uncounted-16", "unlogged-16"
BULK, BULK_UNCOUNTED, BULK_SPLIT, BULK_ARROW = "bulk", "uncounted-bulk", "bulk-split", "bulk-arrow"
WORKLOADS = (
    Workload("one-1", "One row, 1 connection", 1, 1),
    Workload(COUNTED, "One row, 16 connections", 16, 1),
    Workload(UNCOUNTED, "Noren, neither counted nor logged", 16, 1, RETRIED, server="noren", beside=COUNTED),
    Workload(UNLOGGED, "Noren, not logged", 16, 1, server="unlogged", beside=COUNTED),
    Workload("one-64", "One row, 64 connections", 64, 1),
    Workload(BULK, "1,000 rows as JSON, 1 connection", 1, 1000),
    Workload(
        BULK_UNCOUNTED, "Noren, neither counted nor logged", 1, 1000, RETRIED, server="noren", beside=BULK
    ),
    Workload(BULK_SPLIT, "Noren, `dataframe_split`", 1, 1000, SPLIT, server="noren", beside=BULK),
    Workload(BULK_ARROW, "Noren, Arrow", 1, 1000, ARROW, server="noren", beside=BULK),
)
SHARES = (
    Share("one row, counters and log: with − without", COUNTED, UNCOUNTED),
    Share("one row, log: with − without", COUNTED, UNLOGGED),
    Share("1,000 rows, counters and log: with − without", BULK, BULK_UNCOUNTED),
    Share("1,000 rows: JSON / Arrow", BULK, BULK_ARROW),
)


def measure(subjects: Sequence[Subject], servers: Sequence[str], *, rounds: int, amount: Amount) -> Found:
    """Visit every server of every model once a round."""
    reasons = _find_missing(servers)
    there = [name for name in servers if name not in reasons]
    visits: dict[tuple[str, str], list[Visit]] = {}
    for number in range(rounds):
        for subject in subjects:
            for name in _turned(there, number):
                server = SERVERS[name]
                asked = [workload for workload in WORKLOADS if workload.is_for(server)]
                print(f"round {number + 1}, {subject.name}, {name}", file=sys.stderr, end="", flush=True)
                found = visit(server, subject, asked, amount)
                told = ", ".join(f"{key} {sample.cpu_us:,.0f} µs" for key, sample in found.samples.items())
                print(f": {found.cold_seconds:.1f} s, {told}", file=sys.stderr, flush=True)
                visits.setdefault((name, subject.name), []).append(found)
    return Found([subject.name for subject in subjects], list(servers), visits, reasons)


def _find_missing(servers: Sequence[str]) -> dict[str, str]:
    """Why a server cannot be measured here."""
    reasons = {}
    for name in servers:
        try:
            if packages := SERVERS[name].packages:
                python_with(packages)
        except NotInstalledError as error:
            reasons[name] = str(error)
    return reasons


def _turned(names: Sequence[str], by: int) -> list[str]:
    """Begun with another one each round."""
    first = by % max(1, len(names))
    return [*names[first:], *names[:first]]


@contextmanager
def _own_environment(home: Path) -> Iterator[None]:
    """No settings of the caller's, a mark that every process inherits, and none of them left afterwards."""
    before, mark = dict(os.environ), uuid.uuid4().hex
    for name in before:
        # Without its bytecode a checkout is compiled at each start, which no installed package is.
        if name.startswith(("NOREN_", "MLFLOW_", "BENTOML_")) or name == "PYTHONDONTWRITEBYTECODE":
            del os.environ[name]
    kept = {name: value for name, value in before.items() if name == "NOREN_TEST_SESSION"}
    os.environ |= kept | {
        MARK: mark,
        "NOREN_HOME": str(home),
        "NOREN_ENVIRONMENTS": before.get("NOREN_ENVIRONMENTS", str(ROOT / ".cache" / "environments")),
        "BENTOML_DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    ended = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        # A second Ctrl-C must not come between.
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_marked(mark)
        os.environ.clear()
        os.environ |= before
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, ended)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


def _print(found: Found, *, rounds: int, amount: Amount) -> None:
    told = [f"{name} {version(name)}" for name in PACKAGES]
    for listed, names in PEERS.items():
        pins = (ROOT / "bench" / "sides" / "serving" / f"{listed}.txt").read_text().splitlines()
        told += [pin.replace("==", " ") for pin in pins if pin.partition("==")[0] in names]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the "
        f"end, {platform.system()}, Python {platform.python_version()}; {', '.join(told)}. "
        f"Rounds: {rounds}, each workload {amount.seconds:g} s; medians.\n"
    )
    lines = []
    for workload in WORKLOADS:
        if not workload.beside:
            besides = [one for one in WORKLOADS if one.beside == workload.name]
            lines += [*workload_table(found, workload, besides), ""]
    lines += [*ratio_table(found, WORKLOADS), "", *share_table(found, SHARES), "", *start_table(found)]
    print("\n".join([*lines, "", *left_out(found)]), flush=True)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(arguments: Sequence[str] = ()) -> None:
    """Measure in a temporary home and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench serving")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each workload")
    parser.add_argument("--requests", type=int, help="at most so many of each workload")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=USUAL, metavar="MODEL")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS), metavar="SERVER")
    given = parser.parse_args(arguments)
    amount = Amount(given.seconds, given.requests)
    with (
        tempfile.TemporaryDirectory(prefix="noren-bench-") as folder,
        _own_environment(Path(folder) / "home"),
    ):
        settings = load_settings()
        subjects = []
        for name in given.models:
            subjects.append(prepare(name, Path(folder) / "models" / name, settings))
            print(f"{name}: Noren answers with {subjects[-1].runtime}", file=sys.stderr, flush=True)
        try:
            found = measure(subjects, given.servers, rounds=given.rounds, amount=amount)
        except ServerError as error:
            sys.exit(f"\n{error}")
        except KeyboardInterrupt:
            sys.exit(130)
    _print(found, rounds=given.rounds, amount=amount)


if __name__ == "__main__":
    main(sys.argv[1:])
