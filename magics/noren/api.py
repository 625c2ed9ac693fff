"""The Python API: what each magic and shell command calls."""

# ruff: noqa: PLC0415 -- heavy libraries are imported by the call that needs them

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noren.handle import Release
from noren.ring import Ring, Task
from noren.tables import ReleasesTable, StatusTable
from noren_bento.control.client import ControlClient
from noren_bento.drift.report import DriftReport
from noren_bento.errors import NotFoundError
from noren_bento.release import event as ev
from noren_bento.release.plan import Plan
from noren_bento.release.release import Release as Folded
from noren_bento.release.release import release_to_roll_back
from noren_bento.release.version import ModelVersion
from noren_bento.settings import load_settings

if TYPE_CHECKING:
    from noren_bento.bento_build.build import Build
    from noren_validation.validation import Validation

Split = tuple[Any, Any]
"""X and y of one split: a DataFrame or 2-d array, and the target of the same length."""


def tag(
    model: object, name: str, *, train: Split, test: Split, with_modules: Sequence[str | Path] = ()
) -> ModelVersion:
    """Give a fitted model an identity: a version in MLflow with signature, Profile, metrics, digest and lineage.

    The same fitted model again is the same version. `with_modules` are your own .py files that the model's classes
    come from; they travel with it. Raises NorenError for what production could not load or check.
    """
    return Ring(load_settings()).tag(model, name, train=train, test=test, with_modules=with_modules)


def build(version: ModelVersion | str) -> Build:
    """Build the BentoML service of a tagged version; it answers with ONNX Runtime where that is proven equal."""
    return Ring(load_settings()).build(version)


def validate(version: ModelVersion | str, notebooks: Sequence[str | Path] | None = None) -> Validation:
    """Run the validation notebooks against the version's bento (built first where it is not) and write a report.

    `notebooks` are your own instead of the packaged suite. A failed check is a verdict in the result, not an error.
    """
    return Ring(load_settings()).validate(version, notebooks)


def canary(version: ModelVersion | str, *, plan: Plan | None = None, wait: bool = False) -> Release:
    """Release a tagged version: build and validate what is missing, then give it traffic by the plan.

    With a model's name instead of a version, show what its latest release does.
    """
    if isinstance(version, str) and "/" not in version:
        return _shown(release(version), wait=wait)
    return deploy(version, plan=plan, wait=wait)


def deploy(
    model: object,
    name: str | None = None,
    *,
    train: Split | None = None,
    test: Split | None = None,
    plan: Plan | None = None,
    with_modules: Sequence[str | Path] = (),
    notebooks: Sequence[str | Path] | None = None,
    wait: bool = False,
) -> Release:
    """Take a model the whole way: tag, build, validate, start as a canary (or go live where nothing is yet).

    `model` is a fitted model with `name`, `train` and `test`, or a tagged version such as `"churn/3"`. Returns as
    soon as the candidate has traffic; with `wait` when it is promoted or rolled back. The same model again is the
    same version, and a running release is shown, not started again. Ctrl-C before the start undoes the release;
    after it, it only stops watching. Raises NorenError when the gate is closed, with the report's path.
    """
    task = Task(model, name, train, test, with_modules=with_modules, notebooks=notebooks, plan=plan or Plan())
    started = Ring(load_settings()).deploy(task)
    return _shown(started, wait=wait)


def release(name: str) -> Release:
    """The latest release of a model, or one by its id; shows its live view in a cell.

    A version such as `churn/3` stands for its model while it is the latest candidate; else raises NotFoundError.
    """
    settings = load_settings()
    return Release(_latest(ControlClient(settings), name).id, settings)


def releases() -> ReleasesTable:
    """What is released and running, a line each."""
    client = ControlClient(load_settings())
    return ReleasesTable(client.releases())


def approve(name: str, *, note: str = "") -> Release:
    """Approve the latest release of a model; who deployed it cannot. Void when the model changes."""
    found = release(name)
    found.client.append(found.id, ev.Approved(found.now.digest, note), why=note or "approved")
    return found


def promote(name: str) -> Release:
    """Make the running canary the champion now, without waiting for more evidence."""
    return release(name).promote()


def rollback(name: str) -> Release:
    """Take all traffic from the running candidate; without one, from the champion, for the version before it."""
    settings = load_settings()
    client = ControlClient(settings)
    latest = _latest(client, name)
    mine = [one for one in client.releases() if one.name == latest.name]
    return Release(release_to_roll_back(mine).id, settings).rollback()


def drift(name: str) -> DriftReport:
    """How far the inputs and outputs of the version that serves have moved from its reference data.

    Raises NotFoundError when nothing serves, or when `name` is a version that does not.
    """
    model = _model_of(name)
    report = ControlClient(load_settings()).drift(model or name)
    if model and report.version != name:
        raise NotFoundError(
            f"{name} does not serve, so it has no drift: {report.version} does. Give the name: {model}."
        )
    return report


def up() -> str:
    """Start Envoy, the control process and what is released; return the public address."""
    from noren_bento.control.processes import bring_up

    return bring_up(load_settings())


def down() -> None:
    """End everything of this NOREN_HOME. Releases stay as they are and go on at the next `up`."""
    from noren_bento.control.processes import bring_down

    bring_down(load_settings())


def status() -> StatusTable:
    """What runs."""
    from noren_bento.control.processes import look

    return StatusTable(look(load_settings()))


def _latest(client: ControlClient, name: str) -> Folded:
    model = _model_of(name)
    if not model:
        return client.release(name)
    latest = client.release(model)
    if latest.candidate != name:
        raise NotFoundError(
            f"{name} is not in the latest release of {model}: that is {latest.id} with {latest.candidate}, "
            f"{latest.state}. Give the name: {model}."
        )
    return latest


def _model_of(text: str) -> str:
    """Return the model's name of a version such as `churn/3`; empty for anything else."""
    name, _, number = text.rpartition("/")
    return name if number.isdecimal() and "/" not in name else ""


def _shown(handle: Release, *, wait: bool) -> Release:
    return handle.wait() if wait else handle
