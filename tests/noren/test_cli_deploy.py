"""A fitted model of a module goes the whole way from the shell alone, as in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ring.home import ROOT, TRIVIAL, running_home

TRAIN = """
from sklearn.linear_model import LogisticRegression
from tests.ring.home import serials

X_train, y_train = serials()
held_out = serials(500)
model = LogisticRegression().fit(X_train, y_train)
"""


@pytest.mark.slow
def test_one_command_trains_tags_builds_validates_and_releases(tmp_path: Path) -> None:
    (tmp_path / "train_serials.py").write_text(TRAIN)
    with running_home(tmp_path) as settings:
        home = {"NOREN_HOME": str(settings.home), "NOREN_PORT": str(settings.port)}
        environment = {**os.environ, **home, "CI": "true", "PYTHONPATH": str(ROOT)}

        def noren(*words: str) -> subprocess.CompletedProcess[str]:
            command = [str(Path(sys.executable).parent / "noren"), *words]
            return subprocess.run(
                command,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )

        deploy = (
            "deploy",
            "train_serials:model",
            "--test",
            "held_out",
            "--notebook",
            str(TRIVIAL[0]),
            "--wait",
        )
        unnamed = noren(*deploy)
        assert unnamed.returncode == 1
        assert "needs a name: noren deploy train_serials:model --name churn" in unnamed.stderr
        done = noren(*deploy, "--name", "serial")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("serial/1 is the champion") == 1
        assert "serial@1" in noren("releases").stdout
        assert noren("canary", "serial").returncode == 0
