"""LogSettings: what a service is told about its prediction log, through its environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

FOLDER = "NOREN_LOG"
SALT = ".salt"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where the log of one version lies, what goes into it and how much of it is kept."""

    folder: Path
    """`predictions/NAME/NUMBER`: days lie below, the model's other versions beside, the salt above."""
    share: float = 1.0
    """Share of the requests that are logged, chosen by their id."""
    max_bytes: int = 1_000_000_000
    """Most bytes that all versions of the model may take; the oldest files go first."""
    max_days: int = 30
    """Files of days before are removed."""
    drop: tuple[str, ...] = ()
    """Columns that are not stored: `column`, or `model/column` for one model only."""
    hashed: tuple[str, ...] = ()
    """Columns of which only a keyed hash is stored."""


def read_log_settings(environ: Mapping[str, str]) -> LogSettings | None:
    """Read the variables that `launch` sets; None where no folder is given: then there is no log.

    >>> read_log_settings({})
    >>> read_log_settings({"NOREN_LOG": "/srv/predictions/churn/3", "NOREN_LOG_DROP": '["email"]'}).drop
    ('email',)
    """
    if not environ.get(FOLDER):
        return None
    return LogSettings(
        Path(environ[FOLDER]),
        share=float(environ.get("NOREN_LOG_SHARE", "1")),
        max_bytes=int(environ.get("NOREN_LOG_MAX_BYTES", "1000000000")),
        max_days=int(environ.get("NOREN_LOG_MAX_DAYS", "30")),
        drop=msgspec.json.decode(environ.get("NOREN_LOG_DROP", "[]"), type=tuple[str, ...]),
        hashed=msgspec.json.decode(environ.get("NOREN_LOG_HASH", "[]"), type=tuple[str, ...]),
    )


def log_environment(settings: LogSettings) -> dict[str, str]:
    """The variables from which `read_log_settings` makes these settings."""
    return {
        FOLDER: str(settings.folder),
        "NOREN_LOG_SHARE": str(settings.share),
        "NOREN_LOG_MAX_BYTES": str(settings.max_bytes),
        "NOREN_LOG_MAX_DAYS": str(settings.max_days),
        "NOREN_LOG_DROP": msgspec.json.encode(settings.drop).decode(),
        "NOREN_LOG_HASH": msgspec.json.encode(settings.hashed).decode(),
    }


def read_salt(folder: Path) -> bytes:
    """The key of all hashes under this folder, made by whoever comes first; only its owner may read it."""
    path = folder / SALT
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = folder / f"{SALT}.{os.getpid()}.new"
    if not path.exists():
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(32))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(hidden, path)  # of several at once the first wins, and all read the same
        except FileExistsError:
            pass
        finally:
            hidden.unlink()
    return path.read_bytes()
