"""The folder in which a version is put together; what a killed process left there is swept."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noren_bento.errors import NorenError
from noren_bento.settings import Settings


@contextmanager
def staging_folder(settings: Settings) -> Iterator[Path]:
    """Give an empty folder under NOREN_HOME that is gone afterwards, whatever happens."""
    root = settings.home / "staging"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
    except OSError as error:
        raise NorenError(
            f"{root} cannot be written: {error}. Set NOREN_HOME to a folder that is yours."
        ) from None
    try:
        yield folder
    except OSError as error:
        # Arrow says of a full disk only in the text what it was about, and names no file.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or (error.filename and Path(str(error.filename)).is_relative_to(folder)):
            raise NorenError(
                f"{folder} cannot be written: {error.strerror}. Free some space, then tag again."
            ) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove the folders of processes that are gone. A pid in use again only keeps one a little longer."""
    for folder in root.iterdir():
        owner = folder.name.partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
