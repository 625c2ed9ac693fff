"""Validate a built bento: run the notebooks against it, read them at the gate, write the report."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_validation.gate import judge_notebooks, name_checks
from noren_validation.report import make_report
from noren_validation.runs import Runs
from noren_validation.subject import SubjectFile, limits_of, write_address, write_subject
from noren_validation.validation import NotebookResult, Validation

if TYPE_CHECKING:
    from noren_bento.bento_build.build import Build
    from noren_bento.settings import Settings
    from noren_bento.tagging.version_files import VersionFiles

SUITE = ("data_quality", "performance", "production")
DEADLINE_SECONDS = 600.0
REPORT = "report.html"
ATTEMPTS = 20
LEFTOVER_SECONDS = 86_400.0


def validate_bento(
    files: VersionFiles,
    build: Build,
    *,
    champion: Path | None,
    service: Callable[[], str],
    settings: Settings,
    notebooks: Sequence[Path] | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    progress: Callable[[str], None] | None = None,
) -> Validation:
    """Run the validation notebooks against a built bento and return what they said.

    `champion` is the folder of the champion's bento, None at the first release. `service` is called once, on this
    thread, while notebooks that need no service run already; it waits until the bento is served and returns its
    address. `notebooks` replaces Noren's own suite. Each notebook as a whole has `deadline_seconds`.

    The report and the executed notebooks lie under `validations/<name>/<number>` of settings.home; they replace those
    of an earlier run only when this one is complete. Ctrl-C, or whatever `service` raises, ends every kernel.

    Raises NotFoundError for a notebook that is not there, and NorenError when the build is not of this version.
    """
    version = files.version
    if build.version.digest != version.digest:
        raise NorenError(
            f"The bento was built from {build.version} (digest {build.version.digest[:12]}), the files are of "
            f"{version} ({version.digest[:12]}). Build {version} again."
        )
    paths = require_notebooks(notebooks)
    begun, say = time.monotonic(), progress or (lambda _: None)
    home = settings.home / "validations" / version.name
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(home)
    work = Path(tempfile.mkdtemp(prefix=f".{version.number}-", dir=home))
    subject = SubjectFile(
        files=str(files.path),
        files_digest=files.manifest_digest,
        bento=str(build.path),
        bytes=build.bytes,
        settings=limits_of(settings),
        champion=None if champion is None else str(champion),
    )
    try:
        results = _run(
            paths,
            subject,
            work=work,
            digest=build.version.digest,
            service=service,
            deadline_seconds=deadline_seconds,
            say=say,
        )
        contents = {result.name: _read(result) for result in results}
        facts = _facts(files, build, champion, time.monotonic() - begun)
        (work / REPORT).write_text(
            make_report(str(version), results, notebooks=contents, facts=facts), encoding="utf-8"
        )
        folder = _replace(work, home / str(version.number))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    outcome = judge_notebooks(results)
    return Validation(
        outcome=outcome,
        checks=name_checks(results),
        report=folder / REPORT,
        digest=build.version.digest if not any(result.closed for result in results) else "",
        seconds=time.monotonic() - begun,
        notebooks=tuple(_moved(result, folder) for result in results),
    )


def suite_notebooks() -> tuple[Path, ...]:
    """Noren's own validation notebooks, in the order of the report."""
    with resources.as_file(resources.files("noren_validation").joinpath("suite")) as folder:
        return tuple(folder / f"{name}.ipynb" for name in SUITE)


def needs_service(notebook: Path) -> bool:
    """Whether a notebook waits for the served bento: it does, unless its metadata says `noren: {service: false}`."""
    try:
        metadata = json.loads(notebook.read_bytes()).get("metadata", {})
        return bool(metadata.get("noren", {}).get("service", True))
    except (ValueError, AttributeError):
        raise NorenError(f"{notebook} is not a notebook. Open it in JupyterLab and save it again.") from None


def _run(
    paths: Sequence[Path],
    subject: SubjectFile,
    *,
    work: Path,
    digest: str,
    service: Callable[[], str],
    deadline_seconds: float,
    say: Callable[[str], None],
) -> tuple[NotebookResult, ...]:
    """Start all notebooks, those that need no service first; return their results in the order of `paths`.

    The address is given away when the others have ended, so that they do not disturb what is measured over HTTP.
    """
    address = work / "service.address"
    plain = write_subject(work / "subject.json", subject)
    served = write_subject(work / "subject-served.json", replace(subject, service=str(address)))
    serving = [path for path in paths if needs_service(path)]
    with Runs(work, digest=digest, deadline_seconds=deadline_seconds) as runs:
        others = [runs.start(path, plain) for path in paths if path not in serving]
        for path in serving:
            runs.start(path, served)
        if serving:
            url = service()
            wait(others)
            write_address(address, url)
        done = {result.name: result for result in runs.results(say)}
    return tuple(done[path.stem] for path in paths)


def require_notebooks(notebooks: Sequence[Path] | None) -> tuple[Path, ...]:
    """Return the notebooks to run, Noren's own where none are named; raise NotFoundError for one that is not there."""
    if notebooks is None:
        return suite_notebooks()
    if not notebooks:
        raise NorenError(
            "No validation notebook was given. Name at least one, or leave the option out for Noren's suite."
        )
    for path in notebooks:
        if not path.is_file():
            near = get_close_matches(path.name, [one.name for one in path.parent.glob("*.ipynb")], n=3)
            known = f" Near names: {', '.join(near)}." if near else ""
            raise NotFoundError(f"There is no notebook {path}.{known}")
    return tuple(path.absolute() for path in notebooks)


def _read(result: NotebookResult) -> dict[str, Any]:
    content: dict[str, Any] = (
        json.loads(result.path.read_bytes()) if result.path and result.path.exists() else {}
    )
    return content


def _facts(
    files: VersionFiles, build: Build, champion: Path | None, seconds: float
) -> tuple[tuple[str, str], ...]:
    lineage = files.lineage()
    commit = lineage.commit
    code = (
        f"{commit.sha[:12]}{', with uncommitted changes' if commit.dirty else ''}"
        if commit
        else "not under git"
    )
    return (
        ("version", f"{build.version}, tagged by {lineage.who} on {_moment(lineage.at)}"),
        (
            "champion",
            _name_champion(champion) if champion else "none: this is the first release",
        ),
        ("digest", build.version.digest),
        ("runtime", f"{build.runtime}: {build.because}"),
        ("data", f"{lineage.train.rows:,} training rows, {lineage.test.rows:,} test rows"),
        ("code", code),
        ("validated", f"{_moment(time.time())}, in {seconds:.1f} s"),
    )


def _name_champion(champion: Path) -> str:
    from noren_bento.serving.manifest import read_manifest  # noqa: PLC0415 -- heavy
    from noren_bento.serving.predictor import MODEL_FOLDER  # noqa: PLC0415 -- heavy

    return str(read_manifest(champion / MODEL_FOLDER).version)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _replace(work: Path, folder: Path) -> Path:
    """Put the complete run in place of the one before; of two that end at once, the later stays."""
    old = work.with_name(f"{work.name}.old")
    for _ in range(ATTEMPTS):
        with suppress(FileNotFoundError):
            folder.rename(old)
        try:
            work.rename(folder)
        except OSError:  # another run of this version ended in between
            continue
        finally:
            shutil.rmtree(old, ignore_errors=True)
        return folder
    raise ConflictError(f"{folder} cannot be replaced: others write it. Run the validation again.")


def _sweep(home: Path) -> None:
    """Remove what killed runs left behind, a day later."""
    for left in home.glob(".*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _moved(result: NotebookResult, folder: Path) -> NotebookResult:
    return replace(result, path=folder / result.path.name if result.path else None)
