"""Digest: what a bento is, in one number that the release's log keeps and each start is held against.

It is over the SHA-256 of every file: code, model, requirements, BentoML's own. Left out is only what differs from build
to build of the same version: the moment of the build, and how fast the model was found to be. So the same input has the
same digest.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from noren_bento.errors import NorenError
from noren_bento.serving.manifest import hash_file

BENTO = "bento.yaml"
MOMENT = re.compile(rb"creation_time: '[0-9T:.+-]+'\n")
MEASURED = "src/measured.json"
REMOVALS = 20


def digest_bento(path: Path) -> str:
    """SHA-256 (hex) over the names and contents of a bento's files; raises NorenError where it holds a link.

    Compiled Python, which a service that runs leaves beside its code, is left out.
    """
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        name = inside.as_posix()
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise NorenError(
                f"{file} is a link or no plain file: a bento holds none. Nothing of it was started."
            )
        if file.is_file() and name != MEASURED and "__pycache__" not in inside.parts:
            content = _hash_without_moment(file) if name == BENTO else hash_file(file)
            whole.update(b"%b  %b\n" % (content.encode(), os.fsencode(name)))
    return whole.hexdigest()


def require_bento(path: Path, digest: str) -> None:
    """Raise NorenError where the bento is not the one that has this digest.

    Compiled Python goes first: it is trusted by its time stamp alone, and is made again in a moment.
    """
    if not path.is_dir():
        raise NorenError(
            f"{path} is gone: the bento of a released version. Restore it from a copy, or {_next_step(path)}."
        )
    _remove_compiled(path)
    try:
        found = digest_bento(path)
    except OSError as error:
        raise NorenError(f"{path} cannot be read: {error}. Nothing of it was started.") from None
    if found != digest:
        raise NorenError(
            f"{path} is not the bento that was built and validated: its digest is {found[:12]}, not {digest[:12]}. "
            f"Nothing of it was started. Restore it from a copy, {_next_step(path)}, or deploy another version."
        )


def _next_step(path: Path) -> str:
    """What to do without a copy; a bento lies under its model's name and its number."""
    return f'build it anew: noren build {path.parent.name}/{path.name} --accept "why"'


def _remove_compiled(path: Path) -> None:
    """Again where another service of the same bento writes into it meanwhile."""
    for _ in range(REMOVALS):
        for cache in path.rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
        left = next(path.rglob("__pycache__"), None)
        if left is None:
            return
        time.sleep(0.1)
    raise NorenError(f"{left} cannot be removed, and what is compiled there cannot be checked. Remove it.")


def _hash_without_moment(file: Path) -> str:
    return hashlib.sha256(b"".join(_lasting_lines(file))).hexdigest()


def _lasting_lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from (line for line in lines if not MOMENT.fullmatch(line))
