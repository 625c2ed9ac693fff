from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import build_bento
from noren_bento.bento_build.environment import REQUIREMENTS
from noren_bento.errors import ConflictError, NorenError
from noren_bento.serving.predictor import MODEL_FOLDER, predictor_of_bento, read_replay
from noren_bento.settings import Settings
from tests.noren_bento.builds import numbers, people, tag

pytestmark = pytest.mark.slow


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_build_holds_code_model_profile_and_replay_rows(build_settings: Settings) -> None:
    X, y = numbers()
    model = LogisticRegression().fit(X, y)
    before = Path.cwd()
    build = build_bento(tag(model, "whole", (X, y), build_settings), settings=build_settings)
    assert Path.cwd() == before
    assert (build.bento, build.runtime) == ("whole:1", "exact")
    assert build.speedup is not None
    assert build.speedup > 1
    assert 0 < build.bytes < 3_000_000
    names = files_below(build.path)
    assert {
        "bento.yaml",
        "src/service.py",
        "src/model/exact.npz",
        "src/model/proof.json",
        "src/model/profile.json",
    } <= set(names)
    assert "src/model/model.skops" not in names
    assert len(read_replay(build.path / MODEL_FOLDER)) == 400
    assert not [
        pin for pin in (build.path / REQUIREMENTS).read_text().splitlines() if pin.startswith("noren")
    ]
    assert (predictor_of_bento(build.path).predict_frame(X).predictions == model.predict(X)).all()


def test_the_same_version_is_built_once(build_settings: Settings) -> None:
    X, y = numbers()
    files = tag(LogisticRegression(C=0.5).fit(X, y), "once", (X, y), build_settings)
    build = build_bento(files, settings=build_settings)
    changed = (build.path / "bento.yaml").stat().st_mtime_ns
    assert build_bento(files, settings=build_settings) == build
    assert (build.path / "bento.yaml").stat().st_mtime_ns == changed


def test_what_cannot_be_compiled_carries_the_original(build_settings: Settings) -> None:
    X, y = people()
    model = DummyClassifier(strategy="prior").fit(X, y)
    build = build_bento(tag(model, "Plain", (X, y), build_settings), settings=build_settings)
    assert build.runtime == "arrays"
    assert "pandas" not in (build.path / REQUIREMENTS).read_text()
    assert build.bento.startswith("plain--")
    predictor = predictor_of_bento(build.path)
    assert predictor.version == "Plain/1"
    assert (predictor.predict_frame(X).predictions == model.predict(X)).all()


def test_another_model_under_the_same_number_is_a_conflict(build_settings: Settings, tmp_path: Path) -> None:
    X, y = numbers()
    build_bento(
        tag(LogisticRegression(C=0.1).fit(X, y), "taken", (X, y), build_settings), settings=build_settings
    )
    other = replace(build_settings, home=tmp_path, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    files = tag(LogisticRegression(C=9.0).fit(X, y), "taken", (X, y), other)
    with pytest.raises(ConflictError, match=r"holds taken/1 with digest \w{12}, not taken/1"):
        build_bento(files, settings=build_settings)


def test_ctrl_c_leaves_nothing_behind(build_settings: Settings) -> None:
    X, y = numbers()
    files = tag(LogisticRegression(C=0.2).fit(X, y), "stopped", (X, y), build_settings)

    def interrupt(stage: str) -> None:
        if stage.startswith("packing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_bento(files, settings=build_settings, progress=interrupt)
    bentos = build_settings.home / "bentos"
    assert not [name for name in os.listdir(bentos) if name.startswith(".building")]
    assert not (bentos / "bentos" / "stopped" / "1").exists()
    assert build_bento(files, settings=build_settings).bento == "stopped:1"


def test_a_version_whose_model_was_changed_is_not_built(build_settings: Settings) -> None:
    X, y = numbers()
    files = tag(LogisticRegression(C=0.3).fit(X, y), "changed", (X, y), build_settings)
    path = files.path / "model.skops"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(NorenError, match="changed after the model was tagged"):
        build_bento(files, settings=build_settings)


def test_modules_of_the_user_travel_with_the_original(
    build_settings: Settings, tmp_path: Path, monkeypatch: Any
) -> None:
    module = tmp_path / "doubling_of_test.py"
    module.write_text(
        "from sklearn.linear_model import LogisticRegression\n\n\n"
        "class Doubling(LogisticRegression):\n    def predict(self, X):\n        return super().predict(X) * 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from doubling_of_test import Doubling  # type: ignore[import-not-found]

    X, y = numbers()
    model = Doubling().fit(X, y)
    build = build_bento(tag(model, "own", (X, y), build_settings, (module,)), settings=build_settings)
    assert build.runtime == "arrays"
    assert "src/model/modules/doubling_of_test.py" in files_below(build.path)
    assert (predictor_of_bento(build.path).predict_frame(X).predictions == model.predict(X)).all()


def test_the_image_of_a_bento_has_no_compiler_no_root_and_a_health_check(build_settings: Settings) -> None:
    X, y = numbers()
    build = build_bento(
        tag(LogisticRegression().fit(X, y), "whole", (X, y), build_settings), settings=build_settings
    )
    lines = (build.path / "env" / "docker" / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith(("FROM", "COPY --from"))] == [
        f"FROM python:{sys.version_info.major}.{sys.version_info.minor}-slim AS base-container",
        "FROM base-container AS packages",
        "FROM base-container",
        "COPY --from=packages --chown=0:0 /app /app",
    ]
    last = lines[lines.index("FROM base-container") :]
    assert not [
        line for line in last if "uv" in line
    ]  # the installer and what it keeps stay in the stage before
    assert not [line for line in lines if "apt-get" in line]
    assert [line for line in lines if line.startswith("USER")] == ["USER bentoml"]
    assert "ENV BENTOML_DO_NOT_TRACK=$BENTOML_DO_NOT_TRACK" in lines
    (health,) = [line for line in lines if line.startswith("HEALTHCHECK")]
    command = json.loads(health[health.index("[") :])
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {"PORT": str(server.server_port)}
        for status, code in ((200, 0), (503, 1)):
            server.status = status  # type: ignore[attr-defined]
            done = subprocess.run(
                [sys.executable, *command[1:]], env=environment, stderr=subprocess.DEVNULL, check=False
            )
            assert done.returncode == code
        server.shutdown()


class Ready(BaseHTTPRequestHandler):
    """Answers /readyz with the status that its server has."""

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/readyz" else 404)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
