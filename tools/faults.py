"""Faults: what each that Noren is made to survive costs, as the tests of tests/faults measured it.

`python tools/faults.py` runs them, which takes about ten minutes, and writes docs/faults.md; `--soak` with the full
counts, which takes hours; `--report` takes what a run with `--junitxml` left. Each figure comes from a test that held.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "faults.md"
FAULTS = {
    1: ("a champion's worker is killed under load", "no request is lost"),
    2: ("a candidate is killed under load", "its share falls to the champion"),
    3: ("a candidate raises or hangs", "it is rolled back, no user is harmed"),
    4: ("control, its supervisor or the kernel is killed in a canary", "traffic never stops, one champion"),
    5: ("many processes tag into a fresh store at once", "all work, none is lost or half there"),
    7: ("a model's files are tampered with", "refused, nothing in them runs"),
    8: ("a stranger asks a service", "401, 403 or 421 on every route"),
    10: ("bad input", "a 4xx that says why; the version is not to blame"),
    11: ("SIGTERM under load", "what was accepted is answered"),
    12: ("MLflow's server hangs, fails or is gone", "an error within ten seconds, nothing half done"),
    13: ("a prediction that never ends", "its worker is replaced"),
    14: ("a prediction that eats memory", "its worker ends at the limit, the others serve"),
    15: ("endless and withheld bodies", "no more than the limit is held"),
    16: ("slow sockets", "closed at the time limits; good requests within a second"),
    17: ("too many connections", "429 instead of a hang; it recovers"),
    18: ("deep, wide and broken JSON", "a 4xx, and it serves on"),
    19: ("a model answers what is no number", "never invalid JSON; the model's error"),
    20: ("kill -9 in the middle of a tag", "no half version, leftovers are swept"),
    21: ("the disk is full in a tag", "a clean error, nothing lost, it goes on with room"),
    22: ("the prediction log's disk is full", "predictions go on, rows are dropped and counted"),
    23: ("a read-only home", "it can be read, and says why nothing can be written"),
    24: ("kill -9 while predictions are logged", "at most one flush is lost, every file can be read"),
    27: ("the champion is deleted, its alias moved in MLflow", "it serves on, and `noren status` tells"),
    33: ("secrets in cells, diffs, parameters, outputs", "masked or refused"),
}
"""By number, which tests name: what happens, and what is promised."""


def run(folder: Path, *, soak: bool) -> ElementTree.Element:
    """Run the tests; returns what they reported. Ends with pytest's words where one fails."""
    report = folder / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/faults",
        "-q",
        f"--junitxml={report}",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run([*command, *(() if soak else ("-m", "not soak"))], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"Nothing was written: pytest ended with {done.returncode}.")
    return ElementTree.parse(report).getroot()  # noqa: S314 -- written by our own pytest


def figures_of(report: ElementTree.Element) -> dict[int, dict[tuple[str, str], int]]:
    """By fault: each figure with its test's file, and how often it was found."""
    found: dict[int, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for case in report.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            continue
        file = case.get("classname", "").rpartition(".")[2] + ".py"
        for one in case.iter("property"):
            name = one.get("name", "")
            if name.startswith("fault "):
                found[int(name.removeprefix("fault "))][one.get("value", ""), file] += 1
    return found


def render(found: dict[int, dict[tuple[str, str], int]]) -> str:
    """The page."""
    lines = [
        "# What Noren survives",
        "",
        "Faults that are put into real parts (MLflow, BentoML, Envoy, kernels, disks), what is promised, and what it",
        "cost when the tests did it. Each figure is of a test that holds the promise; `python tools/faults.py` runs",
        "them and writes this page, with `--soak` at larger counts.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}.",
        "",
        "| | fault | promise | measured |",
        "|---|---|---|---|",
    ]
    for number in sorted(found):
        fault, promise = FAULTS[number]
        measured = "<br>".join(
            f"{f'{count} × ' if count > 1 else ''}{words} ([test](../tests/faults/{file}))"
            for (words, file), count in found[number].items()
        )
        lines.append(f"| {number} | {fault} | {promise} | {measured} |")
    return "\n".join(lines) + "\n"


def write(report: ElementTree.Element) -> None:
    """Write the page of a report."""
    DOCUMENT.write_text(render(figures_of(report)))
    print(DOCUMENT)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", action="store_true", help="with the full counts")
    parser.add_argument("--report", type=Path, help="the JUnit report of a run that was made already")
    given = parser.parse_args()
    if given.report:
        write(ElementTree.parse(given.report).getroot())  # noqa: S314 -- written by our own pytest
        return
    with tempfile.TemporaryDirectory(prefix="noren-faults-") as folder:
        write(run(Path(folder), soak=given.soak))


if __name__ == "__main__":
    main()
