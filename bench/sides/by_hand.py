"""By hand: the same steps with the bare tools, as one would type them into cells and a terminal, without a pause."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.sides.processes import running, wait_ready
from bench.sides.subject import NAME, Fitted, await_answer, fit, rows_of
from noren_bento.targets.ports import free_port

HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent
NOTEBOOKS = ("data_quality", "performance", "production")


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.stages[name] = time.perf_counter() - begun


def log_model(fitted: Fitted, kind: str, work: Path) -> str:
    """MLflow's defaults; cloudpickle for forests, whose types the default refuses. Return the version's number."""
    import mlflow
    import mlflow.sklearn

    mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
    mlflow.set_experiment(NAME)
    options = {"serialization_format": "cloudpickle"} if kind == "forest" else {}
    with mlflow.start_run(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = mlflow.sklearn.log_model(
            fitted.model,
            name="model",
            input_example=fitted.train[0].head(5),
            registered_model_name=NAME,
            **options,
        )
    return str(info.registered_model_version)


def build(number: str, work: Path) -> None:
    """Import the registered version into BentoML's store and build, in the folder of service.py and bentofile.yaml."""
    import bentoml

    bentoml.mlflow.import_model(NAME, f"models:/{NAME}/{number}")
    run("bentoml", "build", "--version", number, cwd=work / "bento")


def run(tool: str, *arguments: str, cwd: Path) -> None:
    """One command in a terminal; its output is shown where it fails."""
    done = subprocess.run([TOOLS / tool, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{tool} {' '.join(arguments)}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def validate(subjects: Path, suite: Path, work: Path) -> None:
    """The notebooks that Noren runs, on the same inputs, one after the other."""
    for name in NOTEBOOKS:
        subject = subjects / ("subject-served.json" if name == "production" else "subject.json")
        notebook, output = suite / f"{name}.ipynb", work / f"{name}.ipynb"
        run("papermill", str(notebook), str(output), "-p", "subject", str(subject), cwd=work)


def serve_command(number: str, port: int) -> list[str]:
    """`bentoml serve` of one version on this machine only."""
    return [str(TOOLS / "bentoml"), "serve", f"{NAME}:{number}", "--host", "127.0.0.1", "--port", str(port)]


def write_envoy(path: Path, *, public: int, champion: int, candidate: int) -> None:
    """The configuration, with the ports filled in."""
    text = (HERE / "by_hand_envoy.yaml").read_text()
    ports = {"PUBLIC_PORT": public, "CHAMPION_PORT": champion, "CANDIDATE_PORT": candidate}
    for name, port in ports.items():
        text = text.replace(name, str(port))
    path.write_text(text)


def deploy(given: argparse.Namespace, fitted: Fitted) -> None:
    """All steps, each begun as soon as the one before it has ended."""
    work, clock = given.work, Clock()
    body = json.dumps({"rows": rows_of(fitted.test[0])}).encode()
    begun = time.perf_counter()
    with clock.stage("tag"):
        number = log_model(fitted, given.model, work)
    with clock.stage("build"):
        build(number, work)
    with clock.stage("validate"):
        validate(given.subjects, given.suite, work)
    port, public = free_port(), free_port()
    with running(serve_command(number, port), log=work / "candidate.log"):
        with clock.stage("start"):
            wait_ready(port, work / "candidate.log")
        served = time.perf_counter()
        write_envoy(work / "envoy.yaml", public=public, champion=given.champion_port, candidate=port)
        command = [str(TOOLS / "envoy"), "-c", str(work / "envoy.yaml"), "--use-dynamic-base-id"]
        with running([*command, "--concurrency", "1", "--log-level", "error"], log=work / "envoy.log"):
            await_answer(public, "/predict", body, is_wanted=is_candidate)
            ended = time.perf_counter()
    clock.stages["first answer"] = ended - served
    given.result.write_text(json.dumps({"stages": clock.stages, "total": ended - begun, "version": number}))


def is_candidate(answer: object, content: bytes) -> bool:
    """Whether Envoy sent this request to the candidate; without a fallback, it is the candidate that answered."""
    return bool(answer.getheader("x-version") == "candidate")  # type: ignore[attr-defined]


def prepare(given: argparse.Namespace, fitted: Fitted) -> None:
    """Before any clock: the files that one has written, and the champion's version and bento."""
    shutil.copytree(HERE / "by_hand_bento", given.work / "bento")
    build(log_model(fitted, given.model, given.work), given.work)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--round", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--subjects", type=Path)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--champion-port", type=int)
    parser.add_argument("--result", type=Path)
    given = parser.parse_args()
    fitted = fit(given.model, given.round)
    if given.result is None:
        prepare(given, fitted)
    else:
        deploy(given, fitted)


if __name__ == "__main__":
    main()
