"""Ring: tag → build → validate → start, all in a row, undone when it fails or is interrupted."""

# ruff: noqa: PLC0415 -- heavy libraries are imported by the stage that needs them

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noren.handle import Release
from noren.progress import Progress
from noren.show import show_deploy, tell
from noren.stages import Stages, require_notebooks
from noren.undo import undo
from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_up
from noren_bento.errors import ConflictError, NorenError
from noren_bento.release import event as ev
from noren_bento.release.plan import Plan
from noren_bento.release.release import Release as Folded
from noren_bento.release.release import State
from noren_bento.release.version import ModelVersion
from noren_bento.settings import Settings

if TYPE_CHECKING:
    from noren_bento.bento_build.build import Build
    from noren_validation.validation import Validation

START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be deployed: a fitted model with its data, or a tagged version."""

    model: object
    name: str | None = None
    train: tuple[Any, Any] | None = None
    test: tuple[Any, Any] | None = None
    with_modules: Sequence[str | Path] = ()
    notebooks: Sequence[str | Path] | None = None
    plan: Plan | None = None
    """None for the default plan, or whatever plan the version is being released by already."""

    @property
    def version(self) -> ModelVersion | str | None:
        """The tagged version, where one was given."""
        return self.model if isinstance(self.model, ModelVersion | str) else None

    @property
    def subject(self) -> str:
        """What the view calls it before there is a version."""
        return str(self.version or self.name or "")


class Ring:
    """The stages of one deploy under one home."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = ControlClient(settings)
        self.progress = Progress(tell)
        self.stages = Stages(settings, self.progress)
        self._release: Release | None = None
        self._stopped = threading.Event()
        """Set when the deploy has failed or was interrupted: what still waits in another thread gives up."""

    def deploy(self, task: Task) -> Release:
        """Take a model to its first traffic."""
        require_notebooks(task.notebooks)
        view = show_deploy(task.subject, self.progress, lambda: self._release)
        try:
            version = self._tagged(task)
            self._require_same_plan(version, task.plan)
            try:
                folded = self._opened(version, task)
                self._release = Release(folded.id, self.settings)
                if folded.state not in (State.CANARY, State.PROMOTED):
                    self._to_traffic(folded, version, task)
            except BaseException as error:
                self._stopped.set()
                undo(self.client, str(version), error)
                raise
        except BaseException:
            if view is not None:
                view.stop()
            raise
        if view is None:
            return self._release
        view.settle()
        return self._release.shown_here()

    def _tagged(self, task: Task) -> ModelVersion:
        with self.progress.running("tag"):
            if task.version is None:
                version = self.stages.tag(
                    task.model, task.name, train=task.train, test=task.test, with_modules=task.with_modules
                )
            else:
                version = self.stages.files(task.version).version
            self.progress.detail("tag", str(version))
        return version

    def _opened(self, version: ModelVersion, task: Task) -> Folded:
        from noren_bento.stores.models import ModelStore

        bring_up(self.settings, progress=tell)
        ModelStore(self.settings).claim(version.name, self.client.status()["store"])
        return self.client.open(version, task.plan or Plan(), why=f"deploy {version}")

    def _require_same_plan(self, version: ModelVersion, plan: Plan | None) -> None:
        """Raise ConflictError where the version is under way by another plan: nothing is undone for that."""
        for release in self.client.releases() if plan else ():
            if release.candidate == str(version) and release.active and release.plan != plan:
                raise ConflictError(
                    f"{release.id} is under way by another plan than the one given now, and a plan does not change on "
                    f"the way. Leave the plan out to go on with it, or roll {version.name} back and deploy again."
                )

    def _to_traffic(self, folded: Folded, version: ModelVersion, task: Task) -> None:
        if folded.state is not State.VALIDATED:
            build = self._built(folded, version)
            self._validated(folded, build, task)
        now = self.client.release(folded.id)
        unapproved = now.plan.approval and not now.approved_by
        waiting = f"waiting for the approval of a person other than {now.who}"
        if not now.start_requested:
            self.client.append(folded.id, ev.Requested("start"), why=waiting if unapproved else "validated")
        if unapproved:
            tell(f"{folded.id}: {waiting}")
            return
        with self.progress.running("start"):
            started = self._until(
                folded.id,
                lambda now: (
                    now.state in (State.CANARY, State.PROMOTED) and bool(now.champion or not now.active)
                ),
            )
            self.progress.detail(
                "start", "live" if started.champion is None else f"{started.weight} % of the traffic"
            )

    def _built(self, folded: Folded, version: ModelVersion) -> Build:
        with self.progress.running("build"):
            build = self.stages.build(version)
            self.progress.detail("build", build.engine)
        return build

    def _validated(self, folded: Folded, build: Build, task: Task) -> None:
        """Validate while the service's environment is made and the service starts."""
        from noren_bento.bento_build.environment import prepare_environment

        def serve() -> str:
            prepare_environment(
                build.path,
                settings=self.settings,
                progress=lambda text: self.progress.detail("validate", text),
            )
            self._require_going(folded.candidate)
            body = ev.Built(
                build.bento, str(build.path), build.runtime, build.because, build.digest, build.speedup
            )
            if self.client.release(folded.id).state is State.OPENED:
                self.client.append(folded.id, body, why=build.because)
            return self._address_of(folded.candidate, folded.id)

        with self.progress.running("validate"):
            pool = ThreadPoolExecutor(1)
            address = pool.submit(serve)
            # Not joined: when the validation fails, the release is undone first, and uv may still be at work.
            pool.shutdown(wait=False)
            validation = self.stages.validate_served(build, address.result, task.notebooks)
            address.result()
            self.progress.detail("validate", _counted(validation))
            closed = (
                f"The gate is closed for {build.version}: {validation.verdict.because}. "
                f"Nothing was released. The report says more: {validation.report}"
            )
            if not validation.digest:  # no notebook came as far as to say what it tested
                raise NorenError(closed)
            self.client.append(
                folded.id,
                ev.Validated(
                    validation.outcome, validation.digest, validation.checks, str(validation.report)
                ),
                why=validation.verdict.because,
            )
            if not validation.passed:
                raise NorenError(closed)

    def _address_of(self, version: str, release_id: str) -> str:
        """Wait until the candidate's service is ready; return its own address."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            told = self.client.status()["versions"].get(version)
            if told and told["problem"]:
                raise NorenError(f"{version} does not start: {told['problem']}")
            if told and told["ready"]:
                return f"http://127.0.0.1:{told['port']}"
            self._require_open(release_id)
            self._stopped.wait(0.1)
            self._require_going(version)
        raise NorenError(
            f"{version} is not ready after {START_SECONDS:.0f} s. `noren status` says what it does."
        )

    def _until(self, release_id: str, done: Callable[[Folded], bool]) -> Folded:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if done(now := self._require_open(release_id)):
                return now
            time.sleep(0.1)
        raise NorenError(f"{release_id} did not start within {START_SECONDS:.0f} s. `noren status` says why.")

    def _require_open(self, release_id: str) -> Folded:
        now = self.client.release(release_id)
        if now.state is State.ROLLED_BACK:
            raise NorenError(f"{now.candidate} was rolled back: {now.because}.")
        return now

    def _require_going(self, version: str) -> None:
        if self._stopped.is_set():
            raise NorenError(f"The deploy of {version} was stopped.")


def _counted(validation: Validation) -> str:
    return f"{sum(verdict.passed for verdict in validation.checks)} of {len(validation.checks)} checks"
