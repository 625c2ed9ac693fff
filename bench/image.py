"""Images of built bentos: what each part of them takes, and how soon a container is ready.

Each image is built with `bentoml containerize` and run with podman. The peer is an ordinary BentoML service of the
same logistic regression (pandas, scikit-learn; sides/plain_bento), whose image BentoML describes by itself. All have
one worker. A cold start is from `podman run` to the first 200 of /readyz, its CPU that of all the container's processes
till then; the images take turns. What both sides name is pinned to the same versions.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import joblib

from bench.sides.bases import NoContainersError, is_stand_in
from bench.sides.containers import Layers, Podman, open_podman, python_image
from bench.sides.processes import wait_ready
from bench.sides.subject import NAME, fit
from noren_bento.settings import load_settings
from noren_bento.targets.ports import free_port
from tests.noren_bento.builds import build

ROUNDS = 5
HERE = Path(__file__).parent
PLAIN = "BentoML, pandas and scikit-learn"
PARTS = ("base", "compilers", "installer", "packages", "bento", "rest")
PACKAGES = ("noren", "bentoml", "numpy", "onnxruntime", "scikit-learn", "pandas")


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start."""

    seconds: float
    cpu_seconds: float
    memory_mb: float


def measure(podman: Podman, work: Path, rounds: int) -> tuple[dict[str, Layers], dict[str, list[Start]]]:
    """Layers and cold starts of each image."""
    images = {}
    for title, (bentos, tag) in _make_bentos(work).items():
        print(f"building the image of {tag}: {title}", file=sys.stderr, flush=True)
        images[title] = podman.containerize(bentos, tag)
    layers = {title: podman.layers(image, python_image()) for title, image in images.items()}
    starts: dict[str, list[Start]] = {title: [] for title in images}
    for _ in range(rounds):
        for title, image in images.items():
            starts[title].append(_start(podman, image, work / "log"))
            print(f"{title}: {starts[title][-1]}", file=sys.stderr, flush=True)
    return layers, starts


def _make_bentos(work: Path) -> dict[str, tuple[Path, str]]:
    """Folders of BentoML's stores, and tags in them, by title."""
    settings = load_settings({"home": str(work / "home")}, environ={}, folder=Path("/"))
    found = {}
    for kind in ("logistic", "forest"):
        fitted = fit(kind, 1)
        built = build(fitted.model, f"{NAME}-{kind}", fitted.test, settings)
        found[f"**Noren**, {kind}: `{built.runtime}`"] = (settings.home / "bentos", built.bento)
    found[f"{PLAIN}, logistic"] = (work / "plain", _make_plain(work))
    return found


def _make_plain(work: Path) -> str:
    folder = work / "plain-source"
    shutil.copytree(HERE / "sides" / "plain_bento", folder)
    joblib.dump(fit("logistic", 1).model, folder / "model.joblib")
    pins = [f"{name}=={version(name)}" for name in ("numpy", "pandas", "scikit-learn")]
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n")
    command = [sys.executable, "-m", "bentoml", "build", "--name", "plain", "--version", "1"]
    environment = {**os.environ, "BENTOML_HOME": str(work / "plain"), "BENTOML_DO_NOT_TRACK": "true"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return "plain:1"


def _start(podman: Podman, image: str, log: Path) -> Start:
    port = free_port()
    options = ("--network", "host", "--env", f"PORT={port}", "--env", "NOREN_WORKERS=1")
    log.write_text("see podman logs")
    begun = time.perf_counter()
    with podman.running(image, *options) as container:
        wait_ready(port, log)
        seconds = time.perf_counter() - begun
        processes = container.processes()
        cpu = sum(sum(process.cpu_times()[:2]) for process in processes)
        return Start(seconds, cpu, sum(process.memory_full_info().pss for process in processes) / 1e6)


def _print(podman: Podman, layers: dict[str, Layers], starts: dict[str, list[Start]]) -> None:
    made = "a stand-in made with debootstrap" if is_stand_in(podman.call, python_image()) else "pulled"
    told = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, "
        f"{platform.system()}, Python {platform.python_version()}; base {python_image()}: {made}; {told}.\n"
    )
    print(f"| MB | {' | '.join(PARTS)} | whole image | above the base | compressed | above the base |")
    print(f"|---|{'---|' * (len(PARTS) + 4)}")
    for title, found in layers.items():
        parts = " | ".join(f"{found.plain.get(part, 0) / 1e6:.1f}" for part in PARTS)
        wholes = (part for sizes in (found.plain, found.packed) for part in _whole(sizes))
        print(f"| {title} | {parts} | {' | '.join(f'{bytes_ / 1e6:.0f}' for bytes_ in wholes)} |")
    print("\n| cold start | seconds to ready | CPU s | memory MB |\n|---|---|---|---|")
    for title, found in starts.items():
        figures = [median(values) for values in zip(*map(_figures, found), strict=True)]
        print(f"| {title} | {figures[0]:.1f} | {figures[1]:.1f} | {figures[2]:.0f} |", flush=True)


def _whole(sizes: dict[str, int]) -> tuple[int, int]:
    whole = sum(sizes.values())
    return whole, whole - sizes["base"]


def _figures(start: Start) -> tuple[float, float, float]:
    return start.seconds, start.cpu_seconds, start.memory_mb


def main(arguments: Sequence[str] = ()) -> None:
    """Build, measure, and print the tables; or say why nothing can be built here."""
    parser = argparse.ArgumentParser(prog="python -m bench image")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith(("NOREN_", "BENTOML_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="noren-bench-") as work:
        try:
            with open_podman() as podman:
                _print(podman, *measure(podman, Path(work), given.rounds))
        except NoContainersError as error:
            print(f"Not measured: {error}. It takes podman, and a registry or, as root, debootstrap.")


if __name__ == "__main__":
    main(sys.argv[1:])
