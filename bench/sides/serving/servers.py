"""The servers: how each is started, asked, and understood."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.sides.serving.environments import python_with
from bench.sides.serving.forms import INPUT, LISTS, PLAIN, RECORDS, ROWS, SPLIT, TENSORS, Form
from bench.sides.serving.models import Subject
from noren_bento.targets.ports import free_port

SERVICES = Path(__file__).parent / "services"
TOOLS = Path(sys.executable).parent
LOCAL = ("--host", "127.0.0.1", "--port")


@dataclass(frozen=True, slots=True)
class Command:
    """What is executed."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beyond the benchmark's own."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a model."""

    name: str
    title: str
    start: Callable[[Subject, int, Path], Command]
    """From the subject, the port and an empty folder."""
    form: Form
    packages: str = ""
    """The list of packages that it is installed from; none: it runs in Noren's environment."""
    put_off_seconds: float = 0.0
    """It works on after its answers, and has begun to at the latest so much later."""
    is_peer: bool = True


def _noren(subject: Subject, port: int, state: Path, **extra: str) -> Command:
    launch = (sys.executable, "-m", "noren_bento.targets.launch", str(subject.bento))
    folders = ("--state", str(state / "state"), "--log", str(state / "log"))
    return Command((*launch, "--port", str(port), "--workers", "1", *folders), extra)


def _noren_unlogged(subject: Subject, port: int, state: Path) -> Command:
    return _noren(subject, port, state, NOREN_LOG_SHARE="0")


def _uvicorn(python: Path | str, app: str, subject: Subject, port: int) -> Command:
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    argv = (str(python), "-m", "uvicorn", app, "--app-dir", str(SERVICES), *LOCAL, str(port), *options)
    return Command(argv, {"BENCH_MODEL": str(subject.folder)})


def _limit(subject: Subject, port: int, _: Path) -> Command:
    return _uvicorn(sys.executable, "limit:app", subject, port)


def _fastapi(subject: Subject, port: int, _: Path) -> Command:
    return _uvicorn(python_with("peers"), "fastapi_app:app", subject, port)


def _litserve(subject: Subject, port: int, _: Path) -> Command:
    argv = (str(python_with("peers")), str(SERVICES / "litserve_app.py"), str(port))
    return Command(argv, {"BENCH_MODEL": str(subject.folder)})


def _mlserver(subject: Subject, port: int, state: Path) -> Command:
    # No process of its own for the model: the hop costs more than these models do.
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False, **ports}
    uri = subject.folder / ("array.joblib" if subject.takes_arrays else "frame.joblib")
    model = {"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": str(uri)}}
    (state / "settings.json").write_text(json.dumps(settings))
    (state / "model-settings.json").write_text(json.dumps({"name": "model", **model}))
    python = python_with("peers_mlserver")
    return Command((str(python.parent / "mlserver"), "start", str(state)))


def _mlflow(subject: Subject, port: int, _: Path) -> Command:
    serve = (str(TOOLS / "mlflow"), "models", "serve", "--model-uri", str(subject.folder / "mlflow"))
    path = os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")])  # it looks for uvicorn there
    return Command(
        (*serve, "--env-manager", "local", "--workers", "1", *LOCAL, str(port)),
        {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )


def _bento(service: str, subject: Subject, port: int, state: Path) -> Command:
    argv = (str(TOOLS / "bentoml"), "serve", service, *LOCAL, str(port), "--working-dir", str(SERVICES))
    own = {"BENTOML_HOME": str(state), "BENTOML_DO_NOT_TRACK": "true", "BENCH_MODEL": str(subject.folder)}
    return Command(argv, own)


def _plain(subject: Subject, port: int, state: Path) -> Command:
    return _bento("plain_bento:Plain", subject, port, state)


def _batchable(subject: Subject, port: int, state: Path) -> Command:
    return _bento(f"batchable_bento:{'OfArrays' if subject.takes_arrays else 'OfRows'}", subject, port, state)


SERVERS = {
    server.name: server
    for server in (
        Server("noren", "**Noren**", _noren, ROWS, put_off_seconds=2.0, is_peer=False),
        Server("unlogged", "Noren, not logged", _noren_unlogged, ROWS, put_off_seconds=2.0, is_peer=False),
        Server("limit", "bare uvicorn + ONNX Runtime", _limit, ROWS, is_peer=False),
        Server("mlflow", "`mlflow models serve`", _mlflow, SPLIT),
        Server("bentoml", "BentoML", _plain, PLAIN),
        Server("batchable", "BentoML, `batchable`", _batchable, LISTS),
        Server("fastapi", "FastAPI", _fastapi, RECORDS, packages="peers"),
        Server("litserve", "LitServe", _litserve, INPUT, packages="peers"),
        Server("mlserver", "MLServer", _mlserver, TENSORS, packages="peers_mlserver"),
    )
}
