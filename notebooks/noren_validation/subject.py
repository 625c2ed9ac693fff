"""Subject: what a validation notebook is given, and the proof of which model it really tested.

from noren_validation import open_subject

subject = open_subject(subject)      # the papermill parameter is the path of a JSON file
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from noren_bento.errors import NorenError
from noren_bento.release.version import ModelVersion, Signature
from noren_validation.checks import prove_digest

if TYPE_CHECKING:
    from noren_bento.serving.predictor import Predictor
    from noren_bento.settings import Settings
    from noren_bento.tagging.version_files import VersionFiles
    from noren_validation.client import Client

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that validation measures against; each is explained in Settings."""

    p99_ms: float
    rows_per_second: float
    max_bytes: int
    max_memory: int
    max_body_bytes: int
    min_score: float
    psi_limit: float


def limits_of(settings: Settings) -> Limits:
    """Take the limits out of the settings: a notebook is shown nothing else, for it may end in a report."""
    return Limits(**{field.name: getattr(settings, field.name) for field in fields(Limits)})


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """The JSON that names a subject's parts. It lacks the digest: that has to be read from what is loaded."""

    files: str
    """Folder of the tagged version."""
    files_digest: str | None
    """SHA-256 of that folder's `noren.json` as the registry knows it; None where nobody has asked the registry."""
    bento: str
    """Folder of the built bento."""
    bytes: int
    """Size of the built bento."""
    settings: Limits
    champion: str | None = None
    """Folder of the champion's bento; None at the first release."""
    service: str | None = None
    """File in which the address of the served bento appears when it answers; None where nobody will write it."""
    format: int = FORMAT


def write_subject(path: Path, subject: SubjectFile) -> Path:
    """Write the file that a notebook is given, and return its path."""
    path.write_bytes(msgspec.json.encode(asdict(subject)))
    return path


def write_address(path: Path, url: str) -> None:
    """Write the address that `Subject.service_url` waits for, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(url, encoding="utf-8")
    partial.rename(path)


class Subject:
    """One built bento under test. Its parts are loaded when they are first asked for."""

    def __init__(self, file: SubjectFile) -> None:
        self._file = file
        self.settings = file.settings
        """The limits to measure against, as `Limits` names them."""
        self.bytes = file.bytes
        """Size of the built bento."""

    @cached_property
    def files(self) -> VersionFiles:
        """The tagged version: its original model, reference and test data, metrics, lineage."""
        from noren_bento.tagging.version_files import VersionFiles  # noqa: PLC0415 -- heavy

        return VersionFiles(Path(self._file.files), self._file.files_digest)

    @cached_property
    def predictor(self) -> Predictor:
        """The candidate's bento, loaded in this process: it answers as the service does."""
        from noren_bento.serving.predictor import predictor_of_bento  # noqa: PLC0415 -- heavy

        return predictor_of_bento(Path(self._file.bento))

    @cached_property
    def champion(self) -> Predictor | None:
        """The champion's bento, loaded in this process; None at the first release."""
        from noren_bento.serving.predictor import predictor_of_bento  # noqa: PLC0415 -- heavy

        return predictor_of_bento(Path(self._file.champion)) if self._file.champion else None

    @property
    def has_champion(self) -> bool:
        """Whether there is a champion to compare with; loads nothing."""
        return self._file.champion is not None

    @property
    def champion_rows(self) -> list[dict[str, Any]]:
        """Reference rows of the champion as a request's rows: what its callers send; empty without a champion."""
        from noren_bento.serving.predictor import MODEL_FOLDER, read_replay  # noqa: PLC0415 -- heavy

        return read_replay(Path(self._file.champion) / MODEL_FOLDER) if self._file.champion else []

    @cached_property
    def service_url(self) -> str:
        """Where the candidate's bento is served. Waits until it answers: ask for it as late as you can.

        Raises NorenError in a notebook that said that it needs no service.
        """
        if self._file.service is None:
            raise NorenError(
                "This notebook said that it needs no service (metadata noren.service is false), but asks for its "
                "address. Remove that entry from the notebook's metadata."
            )
        address = Path(self._file.service)
        while (
            not address.exists()
        ):  # the deadline of the whole notebook ends this where the service never answers
            time.sleep(0.02)
        return address.read_text(encoding="utf-8")

    @property
    def version(self) -> ModelVersion:
        """The version under test."""
        return self.files.version

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        return self.version.signature

    def prove_files(self) -> str:
        """Report the digest of the version whose data this notebook reads, and return it; loads no model."""
        prove_digest(str(self.version), self.version.digest)
        return self.version.digest

    def prove_service(self, client: Client) -> str:
        """Ask the service what it serves, report that digest to the gate, and return it."""
        told = client.version()
        prove_digest(str(told.get("model")), str(told.get("digest")))
        return str(told.get("digest"))

    def prove_digest(self) -> str:
        """Load the built bento, report its digest to the gate, and return it."""
        digest = self.predictor.digest
        prove_digest(self.predictor.version, digest)
        return digest


def open_subject(path: str | Path) -> Subject:
    """Open the subject that the parameter names; NorenError when it is not one.

    >>> open_subject("")
    Traceback (most recent call last):
    noren_bento.errors.NorenError: '' is not a subject's file. %validate gives the notebook one as the parameter \
`subject`: run it with %validate instead of by hand.
    """
    try:
        file = msgspec.json.decode(Path(path).read_bytes(), type=SubjectFile)
    except (OSError, msgspec.MsgspecError) as error:
        reason = f" ({error})" if isinstance(error, msgspec.MsgspecError) else ""
        raise NorenError(
            f"{str(path)!r} is not a subject's file{reason}. %validate gives the notebook one as the parameter "
            "`subject`: run it with %validate instead of by hand."
        ) from None
    if file.format != FORMAT:
        raise NorenError(f"{path} has format {file.format}; this Noren reads {FORMAT}. Run %validate again.")
    return Subject(file)
