"""The Python API: what each magic and shell command calls."""

# ruff: noqa: PLC0415 -- each call imports what it needs, so that `%load_ext noren` and `noren --help` are quick

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from noren.naming import model_of
from noren_bento.errors import NorenError, NotFoundError
from noren_bento.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

    from noren.handle import Release
    from noren.tables import ReleasesTable, StatusTable
    from noren.version_card import VersionCard
    from noren_bento.bento_build.build import Build
    from noren_bento.compress.result import Compression
    from noren_bento.control.client import ControlClient
    from noren_bento.drift.report import DriftReport
    from noren_bento.release.plan import Plan
    from noren_bento.release.release import Release as Folded
    from noren_bento.release.version import ModelVersion
    from noren_validation.validation import Validation

Split = tuple[Any, Any]
"""X and y of one split: a DataFrame or 2-d array, and the target of the same length."""


@overload
def tag(
    model: object,
    name: str,
    *,
    train: Split,
    test: Split,
    with_modules: Sequence[str | Path] = (),
    compress: Literal[False] = False,
) -> ModelVersion: ...
@overload
def tag(
    model: object,
    name: str,
    *,
    train: Split,
    test: Split,
    with_modules: Sequence[str | Path] = (),
    compress: bool,
) -> ModelVersion | Compression: ...
def tag(
    model: object,
    name: str,
    *,
    train: Split,
    test: Split,
    with_modules: Sequence[str | Path] = (),
    compress: bool = False,
) -> ModelVersion | Compression:
    """Make a version of a fitted model, stored in MLflow: what it takes, how good it is, where it comes from.

    `train` and `test` are pairs (X, y): reference data, and hold-out data that the model has not seen. The same
    fitted model again is the same version. `with_modules` are your own .py files that the model's classes come from;
    they travel with it. Raises NorenError for what production could not load or check.

    With `compress` smaller variants of the model are tried too, and what comes back shows what each gains and costs:
    `.version` is the original, which is what was tagged, and `["50 trees"]` a variant, for you to tag if you want it.
    """
    from noren.stages import Stages

    stages = Stages(load_settings())
    return (stages.compress if compress else stages.tag)(
        model, name, train=train, test=test, with_modules=with_modules
    )


def card(version: ModelVersion | str) -> VersionCard:
    """The model card of a tagged version: what it is, on what data, how good, within which limits, from where."""
    from noren.version_card import read_card

    return read_card(version)


def build(version: ModelVersion | str, *, accept: str | None = None) -> Build:
    """Build the BentoML service of a tagged version; the quickest engine that is proven equal answers.

    With `accept`, which says why, the bento of a released version is built anew and served from then on, although
    another Noren or newer packages make it another one than was validated: for one that was lost. Who accepted it, and
    why, is in the event log.
    """
    from noren.stages import Stages

    return Stages(load_settings()).build(version, accept)


def validate(version: ModelVersion | str, notebooks: Sequence[str | Path] | None = None) -> Validation:
    """Run the validation notebooks against the version's bento (built first where it is not) and write a report.

    `notebooks` are your own instead of the packaged suite. A failed check is a verdict in the result, not an error.
    """
    from noren.stages import Stages

    return Stages(load_settings()).validate(version, notebooks)


def canary(
    version: ModelVersion | str,
    *,
    plan: Plan | None = None,
    notebooks: Sequence[str | Path] | None = None,
    wait: bool = False,
) -> Release:
    """Release a tagged version, as `deploy` does: build and validate it, then give it requests by the plan.

    With a model's name instead of a version, show what its latest release does. Raises ConflictError for a plan that
    is not the one by which the version is being released already.
    """
    if isinstance(version, str) and "/" not in version:
        if plan or notebooks:
            raise NorenError(
                f"{version} names a model, whose latest release is shown as it is. To release a version by a plan or "
                f"with notebooks of your own, name it, such as {version}/1."
            )
        return _shown(release(version), wait=wait)
    return deploy(version, plan=plan, notebooks=notebooks, wait=wait)


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
    """Take a model the whole way: tag, build, validate, then give it requests.

    `model` is a fitted model with `name`, `train` and `test`, each a pair (X, y), or a tagged version such as
    `"churn/3"`. Where a version of the model serves already, the new one starts as a canary and gets its share of the
    requests by the plan; the first version goes live when it has passed its validation and its reference rows.
    `with_modules` are your own .py files that the model's classes come from, `notebooks` validation notebooks of your
    own instead of the packaged suite.

    Returns as soon as the candidate gets requests, or waits for an approval that the plan asks for; with `wait` when
    it is promoted or rolled back. The same model again is the same version, and a running release is shown, not
    started again. Ctrl-C before the candidate gets requests undoes the release; later, it only stops watching.
    Raises NorenError when a check fails or cannot be answered, with the report's path.
    """
    from noren.ring import Ring, Task

    task = Task(model, name, train, test, with_modules=with_modules, notebooks=notebooks, plan=plan)
    started = Ring(load_settings()).deploy(task)
    return _shown(started, wait=wait)


def release(name: str) -> Release:
    """The latest release of a model, or one by its id; shows its live view in a cell.

    A version such as `churn/3` stands for its model while it is the latest candidate; else raises NotFoundError.
    """
    from noren.handle import Release
    from noren_bento.control.client import ControlClient

    settings = load_settings()
    return Release(_latest(ControlClient(settings), name).id, settings)


def releases() -> ReleasesTable:
    """What is released and what share of the requests it gets, the latest first; and what needs a look."""
    from noren.tables import ReleasesTable
    from noren_bento.control.client import ControlClient
    from noren_bento.errors import UnreachableError

    client = ControlClient(load_settings())
    try:
        troubles = tuple(f"{where}: {what}" for where, what in client.status()["troubles"].items())
    except UnreachableError:
        troubles = ()  # control is down, which `noren status` says; the log is there all the same
    return ReleasesTable(client.releases(), troubles)


def approve(name: str, *, note: str = "") -> Release:
    """Approve the latest release of a model; who deployed it cannot. Void when the model changes."""
    from noren_bento.release.event import Approved

    found = release(name)
    found.client.append(found.id, Approved(found.now.digest, note), why=note or "approved")
    return found


def promote(name: str) -> Release:
    """Give the running canary all requests now, without waiting for more evidence; return when it has them.

    Raises NorenError where it was rolled back first.
    """
    return release(name).promote()


def rollback(name: str) -> Release:
    """Take all requests from the running canary; without one, go back to the version before the one that serves.

    Returns when it is done, and warns where no version is left that serves: requests are answered with 503 then.
    """
    from noren.handle import Release
    from noren_bento.control.client import ControlClient
    from noren_bento.release.release import champion_of, release_to_roll_back

    settings = load_settings()
    client = ControlClient(settings)
    model = _latest(client, name).name
    release = release_to_roll_back([one for one in client.releases() if one.name == model])
    done = Release(release.id, settings).rollback()
    if champion_of([one for one in client.releases() if one.name == model]) is None:
        warnings.warn(
            f"No version of {model} serves any more: its requests are answered with 503. %deploy one; "
            "`noren releases` lists them.",
            stacklevel=2,
        )
    return done


def drift(name: str) -> DriftReport:
    """How far the inputs and outputs of the version that serves have moved from its reference data.

    Raises NotFoundError when nothing serves, or when `name` is a version that does not.
    """
    from noren_bento.control.client import ControlClient

    model = model_of(name)
    report = ControlClient(load_settings()).drift(model or name)
    if model and report.version != name:
        raise NotFoundError(
            f"{name} does not serve, so it has no drift: {report.version} does. Give the name: {model}."
        )
    return report


def predictions(name: str, *, since: datetime | date | str | None = None) -> pl.LazyFrame:
    """The logged predictions of a model, or of one version `name/number`, as a lazy Polars frame.

    One row each: `request_id`, `row`, `version`, `time`, the model's inputs, `prediction` and a `probability_…` a
    class. `since` is a datetime (UTC where it has no zone), a date, or either in ISO 8601. Nothing is read before
    `.collect()`. Raises NotFoundError where nothing is logged, and NorenError without the extra `polars`.
    """
    from noren_bento.home import Home
    from noren_bento.stores.predictions import scan_predictions

    return scan_predictions(Home(load_settings()), name, since=since)


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
    from noren.tables import StatusTable
    from noren_bento.control.processes import look

    return StatusTable(look(load_settings()))


def _latest(client: ControlClient, name: str) -> Folded:
    model = model_of(name)
    if not model:
        return client.release(name)
    latest = client.release(model)
    if latest.candidate != name:
        raise NotFoundError(
            f"{name} is not in the latest release of {model}: that is {latest.id} with {latest.candidate}, "
            f"{latest.state}. Give the name: {model}."
        )
    return latest


def _shown(handle: Release, *, wait: bool) -> Release:
    return handle.wait() if wait else handle
