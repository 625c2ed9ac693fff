"""bench/image.py measures where containers run, and says why not where none do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bench", "image", "--rounds", "1")


@pytest.mark.slow
def test_without_podman_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        cwd=REPOSITORY,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Not measured: podman is not installed." in done.stdout
    assert "|" not in done.stdout


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed")
def test_noren_s_images_are_measured_beside_a_plain_one() -> None:
    done = subprocess.run(COMMAND, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    if "Not measured" in done.stdout:
        pytest.skip(done.stdout.splitlines()[-1])
    rows = [line.split(" | ") for line in done.stdout.splitlines() if re.search(r" \| [\d.]+ \|", line)]
    names = [row[0] for row in rows]
    assert len(names) == 6, done.stdout
    assert names[:3] == names[3:]
    above = [float(row[8]) for row in rows[:3]]
    assert above[0] < above[1] < above[2]
