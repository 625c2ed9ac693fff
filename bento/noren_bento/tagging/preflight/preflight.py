"""Preflight: before a version is registered, a clean process must load it and answer as the notebook does.

The process is a fresh interpreter (`clean_process`). In it only the standard library, what the recorded requirements
bring, the version's own modules and Noren can be imported (`imports`). It is started before the model is
inspected, so that its imports run beside the rest of the tag, and is kept for a minute for the next one.

What is compared, and with what: the answers of the model in the notebook and in the clean process, both on the
reference rows as they are stored, one job at a time, with the notebook's numbers of threads. Labels and numbers must
be equal to the bit. Numbers that differ by rounding only (1e-9 of their size) are a warning that says so; a model
that answers the same rows differently in the notebook itself is refused for that.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from noren_bento.errors import NorenError
from noren_bento.tagging.cost import Timing
from noren_bento.tagging.frames import model_input
from noren_bento.tagging.preflight.answers import (
    Answers,
    describe_difference,
    is_equal,
    is_rounding,
    read_answers,
)
from noren_bento.tagging.preflight.clean_process import CleanProcess, keep, take_kept
from noren_bento.tagging.preflight.failure import Failure, advise, explain
from noren_bento.tagging.version_files import VersionFiles

if TYPE_CHECKING:
    import pandas as pd

DEADLINE_SECONDS = 60.0
"""A clean process may take so long, or ten times as long as the notebook's own predictions, whichever is more."""
DEATHS = {
    "SIGKILL": "It had too little memory: free some, or tag with fewer rows",
    "SIGSEGV": "A compiled library does not fit the others: install the model's libraries again",
    "SIGILL": "A compiled library does not fit this processor: install the model's libraries again",
    "SIGABRT": "A compiled library gave up: install the model's libraries again",
}


class Preflight:
    """The clean process of one tag."""

    def __init__(self, process: CleanProcess) -> None:
        self._process = process

    def check(self, model: Any, files: VersionFiles, rows: pd.DataFrame) -> Timing:
        """Raise NorenError where the version in a folder does not answer in a clean process as the model does here.

        Returns what predictions cost there. `rows` are the reference rows as they were before they were stored.
        """
        assert files.manifest_digest is not None
        started = time.monotonic()
        self._process.ask(files.path, files.manifest_digest)
        here = _answer_here(model, files, rows)
        needed = time.monotonic() - started
        allowed = max(DEADLINE_SECONDS, 10 * needed)
        try:
            there = self._process.reply(started + allowed)
        except TimeoutError:
            raise NorenError(
                f"{type(model).__name__} has not answered {len(rows)} rows in a clean process within "
                f"{allowed:.0f} s; here it took {needed:.1f} s. See that loading it waits for nothing, such as a "
                "network or a lock, and tag again."
            ) from None
        if isinstance(there, Failure):
            raise explain(there, model, own_modules=tuple(path.stem for path in files.modules()))
        if isinstance(there, str):
            raise NorenError(
                f"The clean process that loaded {type(model).__name__} died ({there}{self._process.last_words()}). "
                f"{DEATHS.get(there, 'Correct what it says')}, and tag again."
            )
        if not is_equal(here, there):
            _raise_or_warn(model, files, here, there)
        assert self._process.timing is not None
        return self._process.timing


@contextmanager
def open_preflight(model: Any) -> Iterator[Preflight]:
    """Start the clean process of a tag, or take the one that the tag before left.

    Whatever is raised inside ends it; so does the end of this process, however it comes.
    """
    process = take_kept() or CleanProcess(_modules_of(model))
    try:
        yield Preflight(process)
    except BaseException:
        process.end()
        raise
    keep(process)


def _answer_here(model: Any, files: VersionFiles, rows: pd.DataFrame) -> Answers:
    """The notebook's answers on the stored rows, which must be those on the rows before they were stored."""
    signature = files.manifest.version.signature
    stored = files.reference()
    here = read_answers(model, model_input(stored, signature), signature)
    if not stored.equals(rows):
        before = read_answers(model, model_input(rows, signature), signature)
        if not is_rounding(before, here):
            raise NorenError(
                f"{type(model).__name__} answers the reference rows otherwise after they were stored as Parquet: "
                f"{describe_difference(before, here)}. A column's dtype does not survive it: convert the column to a "
                "plain one (.astype(...)) and fit again."
            )
    return here


def _raise_or_warn(model: Any, files: VersionFiles, here: Answers, there: Answers) -> None:
    name = type(model).__name__
    signature = files.manifest.version.signature
    again = read_answers(model, model_input(files.reference(), signature), signature)
    if not is_rounding(here, again):
        raise NorenError(
            f"{name} answers the same rows differently each time, here already: {describe_difference(here, again)}. "
            "Let predict draw no random numbers, or draw them from a generator that it seeds at each call."
        )
    what = describe_difference(here, there)
    if not is_rounding(here, there):
        raise NorenError(
            f"{name} answers otherwise in a clean process than here: {what} (there is the clean process). {advise({})}"
        )
    warnings.warn(
        f"{name}'s numbers in a clean process are those of this one but for rounding: {what}. "
        "Labels are equal; numbers agree to a billionth of their size.",
        stacklevel=5,
    )


def _modules_of(model: Any) -> list[str]:
    """Modules of scikit-learn that the model's classes come from: worth importing before the model is there."""
    held = [model]
    with suppress(Exception):  # whatever get_params raises, the tag itself will say
        held += list(model.get_params(deep=True).values())
    modules = {type(one).__module__ for one in held}
    return sorted(name for name in modules if name.startswith("sklearn."))
