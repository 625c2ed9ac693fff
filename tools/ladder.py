"""Ladder: which engine answers for every estimator of scikit-learn and many pipelines, and whether it is ever wrong.

`python tools/ladder.py` takes about half an hour and writes docs/engines.md. Each model climbs the ladder, is written
as a bento's model folder and loaded again. Then both the loaded version and the original answer rows that nobody has
proven anything about: hard values in many columns at once, in requests of 1, 2 and 257 rows. The version is asked in
process, and over HTTP with JSON: uvicorn and the middleware that a bento has, without the rest of BentoML.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import platform
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy: a forked process cannot use OpenMP's threads
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from asking import asked_over_http
from models.containers import of_containers
from models.pipelines import of_pipelines, of_traps
from models.scikit_learn import of_scikit_learn

from noren_bento.compile.adversarial import mixed_rows
from noren_bento.compile.ladder import climb
from noren_bento.compile.parity import expect, find_difference
from noren_bento.compile.probes import take_rows
from noren_bento.profile.build import build_profile
from noren_bento.profile.profile import profile_to_json
from noren_bento.release.version import ModelVersion
from noren_bento.serving.answers import require_finite
from noren_bento.serving.columns import columns_of_frame, count_rows
from noren_bento.serving.manifest import PROFILE, REPLAY, Manifest, hash_files, write_manifest
from noren_bento.serving.original import Original
from noren_bento.serving.predictor import Predictor, load_predictor
from noren_bento.tagging.frames import to_frame
from noren_bento.tagging.serialise import write_model
from noren_bento.tagging.signature import read_signature

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "engines.md"
SECONDS = 120.0
HARD_ROWS = 514
SEED = 20_261
Make = Callable[[], tuple[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one model."""

    family: str
    name: str
    step: str
    """The engine; empty where the model could not be asked at all."""
    why: str
    equal: str
    """`equal`, or what is different."""
    speedup: float | None = None


def cases() -> Iterator[tuple[str, str, Make]]:
    """Family, name and maker of every model."""
    for case in (*of_scikit_learn(), *of_containers()):
        yield case.family, case.name, case.make
    for name, make in of_pipelines():
        yield "pipelines", name, make
    for name, make in of_traps():
        yield "traps", name, make


def try_one(make: Make, folder: Path, without_onnx: str = "") -> tuple[str, str, str, float | None]:
    """Step, why, `equal` or the difference, speed-up."""
    model, X, y = make()
    model = pickle.loads(pickle.dumps(model))  # noqa: S301 -- a version's model has been written and read, too
    frame = to_frame(X)
    targets = tuple(f"y{place}" for place in range(np.shape(y)[1])) if np.ndim(y) == 2 else ()
    signature = read_signature(model, X, frame, y, targets)
    outcome = climb(model, signature, frame, folder, without_onnx=without_onnx)
    predictor = _load(model, signature, frame, folder, outcome)
    columns = columns_of_frame(frame, signature)
    hard = mixed_rows(columns, signature, HARD_ROWS, seed=SEED, closed=outcome.closed)
    original = Original(model, signature).predict
    expected = expect(
        lambda rows: require_finite(original(rows), count_rows(rows)), take_rows(columns, np.arange(2)), hard
    )
    bits = outcome.runtime != "onnx"
    difference = find_difference(expected, predictor.predict, bits=bits)
    if not difference:
        with asked_over_http(folder) as ask:
            difference = find_difference(expected, ask, bits=bits)
            difference = difference and f"over HTTP: {difference}"
    return outcome.runtime, outcome.because, difference or "equal", outcome.speedup


def _load(model: Any, signature: Any, frame: Any, folder: Path, outcome: Any) -> Predictor:
    form = write_model(model, folder)[0] if outcome.runtime in ("arrays", "sklearn") else None
    columns = columns_of_frame(frame, signature)
    (folder / PROFILE).write_bytes(profile_to_json(build_profile(columns, {})))
    (folder / REPLAY).write_bytes(b'{"rows": []}')
    manifest = Manifest(
        version=ModelVersion("model", 1, "ab" * 32, signature),
        runtime=outcome.runtime,
        because=outcome.because,
        files=hash_files(folder),
        serialisation=form,
        missing_text=outcome.missing_text,
        closed=outcome.closed,
    )
    write_manifest(folder, manifest)
    return load_predictor(folder)


def survey(chosen: Iterator[tuple[str, str, Make]]) -> Iterator[Row]:
    """Try each in a process of its own, since a conversion may not end."""
    for family, name, make in chosen:
        found = _in_process(make, "")
        if found is None:
            found = _in_process(make, f"its conversion to ONNX did not end within {SECONDS:.0f} s")
        step, why, equal, speedup = found or ("", "it did not end", "", None)
        yield Row(family, name, step, why, equal, speedup)


def _in_process(make: Make, without_onnx: str) -> tuple[str, str, str, float | None] | None:
    """What came of it; None where it did not end."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def work() -> None:
        warnings.simplefilter("ignore")
        with tempfile.TemporaryDirectory(prefix="noren-ladder-") as folder:
            try:
                theirs.send(try_one(make, Path(folder), without_onnx))
            except Exception as error:  # whatever it is goes into the table
                theirs.send(("", f"{type(error).__name__}: {error}", "", None))

    process = context.Process(target=work)
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(SECONDS) else None
    except EOFError:
        return "", f"its process ended with code {process.exitcode}", "", None
    finally:
        process.kill()
        process.join()


def render(rows: list[Row]) -> str:
    """The page."""
    steps = Counter(row.step for row in rows)
    silent = sum(row.equal not in ("equal", "") for row in rows)
    told = ", ".join(
        f"{name} {version(name)}" for name in ("scikit-learn", "onnxruntime", "skl2onnx", "numpy")
    )
    counted = ", ".join(f"{steps[step]} {step}" for step in ("exact", "onnx", "arrays", "sklearn"))
    lines = [
        "# Which engine answers for which model",
        "",
        "Every estimator of scikit-learn that predicts, pipelines, and what is known to go wrong, each put on the",
        "highest step of the ladder whose answers equal the original's: *exact* (numpy alone), *onnx*, *arrays*",
        "(scikit-learn without pandas), *sklearn* (on a DataFrame). Then the loaded version answered rows that played",
        "no part in the proof: hard values in many columns at once, in requests of 1, 2 and 257 rows, in process and",
        "as JSON over HTTP. *Equal* is to the last bit, but for *onnx*: there labels are equal and numbers within",
        "1e-5. `python tools/ladder.py` writes this page.",
        "",
        f"**{silent} silent differences in {len(rows)} models**: {counted}.",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, Python {platform.python_version()};",
        f"{told}.",
        "",
        "| from | model | step | faster | on hard rows | why |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        faster = f"{row.speedup:,.0f}×" if row.speedup else ""
        why = row.why.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {row.family} | {row.name} | {row.step or 'none'} | {faster} | {row.equal} | {why} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="only models whose name holds this; prints the page instead of writing it"
    )
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for row in survey(case for case in cases() if given.only in f"{case[0]} {case[1]}"):
        rows.append(row)
        print(f"{row.name}: {row.step or 'none'}, {row.equal}: {row.why[:300]}", file=sys.stderr, flush=True)
    if given.only:
        print(render(rows))
        return
    DOCUMENT.write_text(render(rows))
    print(DOCUMENT)


if __name__ == "__main__":
    main()
