"""Settings: one frozen value, built once at the edge from arguments, environment, file and defaults, in that order."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from noren_bento.errors import NorenError


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Each field NAME is also the environment variable NOREN_NAME."""

    home: Path
    """Folder of all state: events, bentos, environments, logs. Default `~/.noren`. Must be on a local disk."""
    tracking_uri: str = field(repr=False)  # it may hold a password
    """MLflow's tracking and registry store. Default: MLFLOW_TRACKING_URI, else SQLite under `home`."""
    environments: Path
    """Folder of the services' environments, shared by digest. Default: `environments` under `home`."""
    host: str = "127.0.0.1"
    """Address on which Envoy listens for users."""
    port: int = 8620
    """Port on which Envoy listens for users; the only public one."""
    workers: int = 2
    """BentoML workers a version, the same number on each arm."""
    max_body_bytes: int = 10_000_000
    """Largest request body; more is answered with 413."""
    p99_ms: float = 100.0
    """Production requirement: single-row latency of the built bento at the 99th percentile."""
    rows_per_second: float = 1_000.0
    """Production requirement: fewest rows a second that one worker answers in bulk."""
    max_bytes: int = 500_000_000
    """Production requirement: largest size of the built model."""
    max_memory: int = 2_000_000_000
    """Production requirement: most bytes of memory that a process takes while it predicts; a worker with more is
    replaced."""
    min_score: float = 0.5
    """Validation: lowest test score (balanced accuracy or R²) that may be released."""
    psi_limit: float = 0.1
    """Drift: smallest bias-corrected PSI that is worth an alarm."""
    log_share: float = 1.0
    """Prediction log: share of the requests that are logged, 0 to 1, chosen by their id."""
    log_max_bytes: int = 1_000_000_000
    """Prediction log: most bytes that a model's log takes; the oldest files are removed."""
    log_max_days: int = 30
    """Prediction log: files of days before are removed."""
    log_drop: tuple[str, ...] = ()
    """Prediction log: columns that are not stored: `column`, or `model/column` for one model only."""
    log_hash: tuple[str, ...] = ()
    """Prediction log: columns of which a keyed hash is stored in place of the value."""

    @property
    def run_folder(self) -> Path:
        """Folder of what lives as long as the processes: configuration, logs, count files. Mode 0700."""
        return self.home / "run"


RANGES = {"log_share": (0, 1), "log_max_bytes": (0, 2**62), "log_max_days": (0, 36_500)}
SETTING_NAMES = tuple(field.name for field in fields(Settings))


@dataclass(frozen=True, slots=True)
class Sourced:
    """One setting, its value and where it came from."""

    name: str
    value: object
    source: str


def load_settings(
    arguments: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Build the Settings; unknown names and values that do not fit raise NorenError.

    >>> load_settings({"home": "/srv/noren", "port": 9000}, environ={}, folder=Path("/")).port
    9000
    """
    sourced = explain_settings(arguments, environ=environ, folder=folder)
    return Settings(**{one.name: one.value for one in sourced})  # type: ignore[arg-type]


def explain_settings(
    arguments: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> tuple[Sourced, ...]:
    """Each setting with its value and its source: what `noren config` prints."""
    environ = os.environ if environ is None else environ
    given: dict[str, tuple[object, str]] = {}
    path, table = _read_file(folder or Path.cwd())
    for name, value in table.items():
        _require_known(name, str(path))
        given[name] = (value, str(path))
    for name in SETTING_NAMES:
        variable = f"NOREN_{name.upper()}"
        if variable in environ:
            given[name] = (environ[variable], variable)
    for name, value in (arguments or {}).items():
        _require_known(name, "argument")
        given[name] = (value, "argument")

    home_value, home_source = given.get("home", ("~/.noren", "default"))
    home = Path(str(home_value)).expanduser().absolute()
    given["home"] = (home, home_source)
    if "tracking_uri" not in given and environ.get("MLFLOW_TRACKING_URI"):
        given["tracking_uri"] = (environ["MLFLOW_TRACKING_URI"], "MLFLOW_TRACKING_URI")
    defaults: dict[str, object] = {field.name: field.default for field in fields(Settings)}
    defaults |= {"tracking_uri": f"sqlite:///{home}/mlflow.db", "environments": home / "environments"}
    return tuple(
        Sourced(name, _convert(name, *given[name]), given[name][1])
        if name in given
        else Sourced(name, defaults[name], "default")
        for name in SETTING_NAMES
    )


def _read_file(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    for path, keys in ((folder / "noren.toml", ()), (folder / "pyproject.toml", ("tool", "noren"))):
        if path.is_file():
            try:
                table: Any = tomllib.loads(path.read_text())
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise NorenError(f"{path} is not valid TOML: {error}. Correct it or remove it.") from None
            for key in keys:
                table = table.get(key, {}) if isinstance(table, dict) else {}
            if table:
                return path, dict(table)
    return None, {}


def _require_known(name: str, source: str) -> None:
    if name not in SETTING_NAMES:
        raise NorenError(f"{source}: {name!r} is not a setting. Known are: {', '.join(SETTING_NAMES)}.")


def _convert(name: str, value: object, source: str) -> object:
    kind = get_type_hints(Settings)[name]
    try:
        if kind is Path:
            return Path(str(value)).expanduser().absolute()
        if kind == tuple[str, ...]:
            return _read_names(value)
        converted = kind(value)
    except (TypeError, ValueError):
        wanted = "a list of column names" if kind == tuple[str, ...] else kind.__name__
        raise NorenError(f"{source}: {name} must be {wanted}, got {value!r}.") from None
    low, high = RANGES.get(name, (None, None))
    if low is not None and high is not None and not low <= converted <= high:
        raise NorenError(f"{source}: {name} must be between {low} and {high}, got {value!r}.")
    return converted


def _read_names(value: object) -> tuple[str, ...]:
    """A list; as text, one in JSON, or names between commas."""
    if isinstance(value, str):
        value = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise TypeError
    return tuple(name.strip() for name in value if name.strip())
