"""The servers: how each is started, asked, and understood."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench.sides.serving.environments import python_with
from bench.sides.serving.models import Subject
from noren_bento.targets.ports import free_port

SERVICES = Path(__file__).parent / "services"
TOOLS = Path(sys.executable).parent
LOCAL = ("--host", "127.0.0.1", "--port")
DATATYPES = {"f": "FP64", "i": "INT64"}


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
    body: Callable[[Subject, pd.DataFrame], bytes]
    read: Callable[[Any], list[int]]
    """Labels of an answer."""
    path: str = "/predict"
    packages: str = ""
    """The list of packages that it is installed from; none: it runs in Noren's environment."""
    gives_probabilities: bool = False
    put_off_seconds: float = 0.0
    """It works on after its answers; this much later it has done what there was to do."""
    is_peer: bool = True


def records(_: Subject, rows: pd.DataFrame) -> bytes:
    """`{"rows": [{column: value}]}`, in one line and without spaces."""
    return b'{"rows":' + rows.to_json(orient="records").encode() + b"}"


def _split(_: Subject, rows: pd.DataFrame) -> bytes:
    split = json.loads(rows.to_json(orient="split"))
    return _json({"dataframe_split": {name: split[name] for name in ("columns", "data")}})


def _arrays(subject: Subject, rows: pd.DataFrame) -> bytes:
    return _json({"input": rows.to_numpy().tolist()}) if subject.takes_arrays else records(subject, rows)


def _batch(subject: Subject, rows: pd.DataFrame) -> bytes:
    return _json({"rows": rows.to_numpy().tolist()}) if subject.takes_arrays else records(subject, rows)


def _tensors(subject: Subject, rows: pd.DataFrame) -> bytes:
    """The protocol of version 2: one tensor of all columns, or one a column."""
    if subject.takes_arrays:
        values = rows.to_numpy()
        one = {"name": "predict", "shape": values.shape, "datatype": "FP64", "data": values.ravel().tolist()}
        return _json({"inputs": [one]})
    columns = []
    for name, column in rows.items():
        tensor = {"name": name, "shape": [len(rows), 1], "data": column.tolist()}
        kind = DATATYPES.get(column.dtype.kind)
        text = {"datatype": "BYTES", "parameters": {"content_type": "str"}}
        columns.append(tensor | ({"datatype": kind} if kind else text))
    return _json({"parameters": {"content_type": "pd"}, "inputs": columns})


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


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


def _predictions(answer: Any) -> list[int]:
    return answer["predictions"]  # type: ignore[no-any-return]


def _output(answer: Any) -> list[int]:
    return answer["output"]  # type: ignore[no-any-return]


def _first_tensor(answer: Any) -> list[int]:
    return answer["outputs"][0]["data"]  # type: ignore[no-any-return]


SERVERS = {
    server.name: server
    for server in (
        Server(
            "noren",
            "**Noren**",
            _noren,
            records,
            _predictions,
            gives_probabilities=True,
            put_off_seconds=2.0,
            is_peer=False,
        ),
        Server(
            "unlogged",
            "Noren, `log_share = 0`",
            _noren_unlogged,
            records,
            _predictions,
            gives_probabilities=True,
            put_off_seconds=2.0,
            is_peer=False,
        ),
        Server(
            "limit",
            "bare uvicorn + ONNX Runtime",
            _limit,
            records,
            _predictions,
            gives_probabilities=True,
            is_peer=False,
        ),
        Server("mlflow", "`mlflow models serve`", _mlflow, _split, _predictions, path="/invocations"),
        Server("bentoml", "BentoML", _plain, records, list),
        Server("batchable", "BentoML, `batchable`", _batchable, _batch, list),
        Server("fastapi", "FastAPI", _fastapi, records, _predictions, packages="peers"),
        Server("litserve", "LitServe", _litserve, _arrays, _output, packages="peers"),
        Server(
            "mlserver",
            "MLServer",
            _mlserver,
            _tensors,
            _first_tensor,
            path="/v2/models/model/infer",
            packages="peers_mlserver",
        ),
    )
}
