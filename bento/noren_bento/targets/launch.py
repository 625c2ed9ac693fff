"""Launch: this process becomes the service of one version.

`python -m noren_bento.targets.launch <bento> --port P --workers N --state FOLDER --log FOLDER` makes the environment
where it is missing, then replaces itself with `bentoml serve` from that environment, so that a supervisor keeps the
service itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from noren_bento.bento_build.digest import require_bento
from noren_bento.bento_build.environment import prepare_environment, python_of
from noren_bento.errors import NorenError
from noren_bento.serving.image import ENVIRONMENT
from noren_bento.serving.log.settings import LogSettings, log_environment
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.inherited import for_launch, for_service

KEEP_ALIVE_SECONDS = 300
"""An idle connection is closed by the service after this long. Whoever keeps connections to it must close them earlier:
Envoy's idle timeout is below, or a request meets a closing connection."""
GRACEFUL_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ServeCommand:
    """What is executed."""

    argv: tuple[str, ...]
    environment: dict[str, str]


def serve_command(
    bento_path: Path,
    python: Path,
    *,
    port: int,
    workers: int,
    state: Path,
    max_body_bytes: int,
    max_memory: int = 0,
    environ: Mapping[str, str],
    log: LogSettings | None = None,
    feedback: Path | None = None,
) -> ServeCommand:
    """Return the command that serves a bento on this loopback port, with its state (home, counts) in a folder.

    Of `environ`, the caller's variables, the service gets those that it needs and no secret. Without `log` it logs no
    predictions; without `feedback` labels are kept with its state. A worker that comes to have more than `max_memory`
    bytes is replaced; 0 is for any.
    """
    argv = (
        *(str(python), "-m", "bentoml", "serve", str(bento_path.absolute())),
        *("--host", "127.0.0.1", "--port", str(port), "--api-workers", str(workers)),
        *("--timeout-keep-alive", str(KEEP_ALIVE_SECONDS)),
        *("--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)),
    )
    environment = (
        for_service(environ)
        | ENVIRONMENT
        | {
            "BENTOML_HOME": str(state / "bentoml"),
            "NOREN_COUNTS": str(state / "counts"),
            "NOREN_WORKERS": str(workers),
            "NOREN_MAX_BODY_BYTES": str(max_body_bytes),
            "NOREN_MAX_MEMORY": str(max_memory),
            "PYTHONUNBUFFERED": "1",
        }
        | ({} if log is None else log_environment(log))
        | ({} if feedback is None else {"NOREN_FEEDBACK": str(feedback)})
    )
    return ServeCommand(argv, environment)


def prepare_command(
    bento_path: Path,
    *,
    port: int,
    workers: int,
    state: Path,
    settings: Settings,
    environ: Mapping[str, str],
    max_memory: int = 0,
    log: LogSettings | None = None,
    feedback: Path | None = None,
) -> ServeCommand:
    """Make the environment and the state folder, and return the command."""
    environment = prepare_environment(bento_path, settings=settings)
    (state / "bentoml").mkdir(parents=True, exist_ok=True)
    (state / "counts").mkdir(parents=True, exist_ok=True)
    return serve_command(
        bento_path,
        python_of(environment),
        port=port,
        workers=workers,
        state=state,
        max_body_bytes=settings.max_body_bytes,
        max_memory=max_memory,
        environ=environ,
        log=log,
        feedback=feedback,
    )


def log_settings_of(folder: Path, settings: Settings) -> LogSettings:
    """What the home's settings say of a prediction log in this folder."""
    return LogSettings(
        folder.absolute(),
        share=settings.log_share,
        max_bytes=settings.log_max_bytes,
        max_days=settings.log_max_days,
        drop=settings.log_drop,
        hashed=settings.log_hash,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Become the service; exits with 1 and the reason when that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m noren_bento.targets.launch", description=__doc__)
    parser.add_argument("bento", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument(
        "--log", type=Path, help="folder of the version's prediction log; without it there is none"
    )
    parser.add_argument("--digest", help="what the bento must be; without it, whatever it is")
    parser.add_argument("--feedback", type=Path, help="file of the model's labels")
    given = parser.parse_args(arguments)
    for name in os.environ.keys() - for_launch(os.environ).keys():
        del os.environ[name]
    try:
        if given.digest:
            require_bento(given.bento, given.digest)
        settings = load_settings()
        command = prepare_command(
            given.bento,
            port=given.port,
            workers=given.workers,
            state=given.state.absolute(),
            settings=settings,
            environ=os.environ,
            max_memory=settings.max_memory,
            log=None if given.log is None else log_settings_of(given.log, settings),
            feedback=given.feedback and given.feedback.absolute(),
        )
    except NorenError as error:
        sys.exit(str(error))
    os.execve(command.argv[0], command.argv, command.environment)  # noqa: S606 -- the point: this process becomes it


if __name__ == "__main__":
    main()
