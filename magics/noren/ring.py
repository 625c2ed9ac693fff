"""Ring: tag → build → validate → start, each stage alone or all in a row, undone when it is interrupted."""

# ruff: noqa: PLC0415 -- heavy libraries are imported by the stage that needs them

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noren.handle import Release
from noren.show import in_notebook, show_deploy, tell
from noren.stages import Stages
from noren_bento.control.client import ControlClient, this_caller
from noren_bento.control.processes import bring_up
from noren_bento.errors import ConflictError, NorenError
from noren_bento.release import event as ev
from noren_bento.release.plan import Plan
from noren_bento.release.release import Release as Folded
from noren_bento.release.release import State
from noren_bento.release.version import ModelVersion, require_name
from noren_bento.settings import Settings

if TYPE_CHECKING:
    from noren_bento.bento_build.build import Build
    from noren_bento.compress.result import Compression
    from noren_validation.validation import Validation

START_SECONDS = 90.0
UNDO_SECONDS = 10.0


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
        self.stages = Stages(tell)
        self._release: Release | None = None
        self._stopped = threading.Event()
        """Set when the deploy has failed or was interrupted: what still waits in another thread gives up."""

    # ---- each stage alone -----------------------------------------------------------------------------------

    def tag(
        self,
        model: object,
        name: str | None,
        *,
        train: tuple[Any, Any] | None,
        test: tuple[Any, Any] | None,
        with_modules: Sequence[str | Path] = (),
    ) -> ModelVersion:
        """Tag a fitted model."""
        from noren.notebook_trace import read_trace
        from noren_bento.tagging.tag import tag_model

        if name is None:
            raise NorenError(
                "The model needs a name to be released under, for example name='churn' or --name churn."
            )
        if train is None or test is None:
            missing = "train" if train is None else "test"
            raise NorenError(
                f"{name}: there is no {missing} data. Give {missing}=(X, y), or --{missing} X_{missing},y_{missing}: "
                + ("the Profile is made from it." if train is None else "nothing is released untested.")
            )
        return tag_model(
            model,
            require_name(name),
            train=train,
            test=test,
            settings=self.settings,
            with_modules=[Path(path) for path in with_modules],
            trace=read_trace(),
            progress=lambda text: self.stages.detail("tag", text),
        )

    def compress(
        self,
        model: object,
        name: str | None,
        *,
        train: tuple[Any, Any],
        test: tuple[Any, Any],
        with_modules: Sequence[str | Path] = (),
    ) -> Compression:
        """Tag a fitted model, then try smaller variants of it."""
        from noren_bento.compress.compress import compress
        from noren_bento.tagging.inspect import read_split
        from noren_bento.tagging.search_results import best_of

        version = self.tag(model, name, train=train, test=test, with_modules=with_modules)
        return compress(
            best_of(model),
            version,
            train=(train[0], read_split(train, "train", target_needed=False)[1]),
            test=read_split(test, "test", target_needed=False),
            own_modules=[Path(path).stem for path in with_modules],
            progress=lambda text: self.stages.detail("tag", text),
        )

    def build(self, version: ModelVersion | str) -> Build:
        """Build a version's bento, or return the one that is there."""
        from noren_bento.bento_build.build import build_bento

        return build_bento(
            self._files(version),
            settings=self.settings,
            progress=lambda text: self.stages.detail("build", text),
        )

    def validate(
        self, version: ModelVersion | str, notebooks: Sequence[str | Path] | None = None
    ) -> Validation:
        """Validate a version's bento in a service of its own that ends with the validation."""
        from noren_bento.targets.temporary import serving

        _require_notebooks(notebooks)
        build = self.build(version)
        address: Future[str] = Future()
        over = threading.Event()

        def serve() -> None:
            try:
                with serving(build.path, settings=self.settings) as url:
                    address.set_result(url)
                    over.wait()
            except BaseException as error:
                if not address.done():
                    address.set_exception(error)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(serve)
            try:
                return self._validate(
                    build, self._champion_path(build.version.name), address.result, notebooks
                )
            finally:
                over.set()

    # ---- the whole ring -------------------------------------------------------------------------------------

    def deploy(self, task: Task) -> Release:
        """Take a model to its first traffic."""
        _require_notebooks(task.notebooks)
        view = show_deploy(task.subject, self.stages, lambda: self._release)
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
                self._undo(str(version), error)
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
        with self.stages.running("tag"):
            if task.version is None:
                version = self.tag(
                    task.model, task.name, train=task.train, test=task.test, with_modules=task.with_modules
                )
            else:
                version = self._files(task.version).version
            self.stages.detail("tag", str(version))
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
        with self.stages.running("start"):
            started = self._until(
                folded.id,
                lambda now: (
                    now.state in (State.CANARY, State.PROMOTED) and bool(now.champion or not now.active)
                ),
            )
            self.stages.detail(
                "start", "live" if started.champion is None else f"{started.weight} % of the traffic"
            )

    def _built(self, folded: Folded, version: ModelVersion) -> Build:
        with self.stages.running("build"):
            build = self.build(version)
            self.stages.detail("build", build.engine)
        return build

    def _validated(self, folded: Folded, build: Build, task: Task) -> None:
        """Validate while the service's environment is made and the service starts."""
        from noren_bento.bento_build.environment import prepare_environment

        def serve() -> str:
            prepare_environment(
                build.path,
                settings=self.settings,
                progress=lambda text: self.stages.detail("validate", text),
            )
            self._require_going(folded.candidate)
            body = ev.Built(build.bento, str(build.path), build.runtime, build.because)
            if self.client.release(folded.id).state is State.OPENED:
                self.client.append(folded.id, body, why=build.because)
            return self._address_of(folded.candidate, folded.id)

        with self.stages.running("validate"):
            pool = ThreadPoolExecutor(1)
            address = pool.submit(serve)
            # Not joined: when the validation fails, the release is undone first, and uv may still be at work.
            pool.shutdown(wait=False)
            validation = self._validate(
                build, self._champion_path(build.version.name), address.result, task.notebooks
            )
            address.result()
            self.stages.detail("validate", _counted(validation))
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

    def _validate(
        self,
        build: Build,
        champion: Path | None,
        service: Callable[[], str],
        notebooks: Sequence[str | Path] | None,
    ) -> Validation:
        from noren_validation.runner import validate_bento

        return validate_bento(
            self._files(build.version),
            build,
            champion=champion,
            service=service,
            settings=self.settings,
            notebooks=None if notebooks is None else [Path(path) for path in notebooks],
            progress=lambda text: self.stages.detail("validate", text),
        )

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

    def _undo(self, version: str, error: BaseException) -> None:
        """Roll back what this process opened and what has no traffic yet, and wait for it.

        A release that has started goes on by its plan, and one of another process is that process's business.
        """
        from noren_bento.tagging.secrets.secrets import read_secrets

        interrupted = isinstance(error, KeyboardInterrupt)
        told = str(error) or type(error).__name__
        why = "interrupted before the start" if interrupted else read_secrets(os.environ).mask(told)
        before = (State.OPENED, State.BUILT, State.VALIDATED)
        try:
            for release in self.client.releases():
                if release.candidate == version and release.state in before and _is_mine(release):
                    self.client.append(
                        release.id, ev.Requested("roll back", note=why, asker="deploy"), why=why
                    )
                    self._wait_undone(release.id)
        except NorenError as trouble:
            # The first error is what the user must see, with this one below it.
            note = f"{version} could not be rolled back now: {trouble} `noren status` says what runs."
            if in_notebook():
                error.add_note(note)
            else:
                tell(note)

    def _wait_undone(self, release_id: str) -> None:
        deadline = time.monotonic() + UNDO_SECONDS
        while self.client.release(release_id).requested:
            if time.monotonic() > deadline:
                raise NorenError(f"Control did not do it within {UNDO_SECONDS:.0f} s.")
            time.sleep(0.1)

    def _files(self, version: ModelVersion | str) -> Any:
        from noren_bento.stores.models import ModelStore

        return ModelStore(self.settings).files(str(version))

    def _champion_path(self, name: str) -> Path | None:
        from noren_bento.release.release import champion_of

        mine = [release for release in self.client.releases() if release.name == name]
        champion = champion_of(mine)
        paths = [Path(r.bento_path) for r in mine if r.candidate == champion and r.bento_path]
        return paths[-1] if champion and paths else None


def _require_notebooks(notebooks: Sequence[str | Path] | None) -> None:
    """A name that is mistyped is told before anything is done."""
    from noren_validation.runner import require_notebooks

    require_notebooks(None if notebooks is None else [Path(path) for path in notebooks])


def _counted(validation: Validation) -> str:
    return f"{sum(verdict.passed for verdict in validation.checks)} of {len(validation.checks)} checks"


def _is_mine(release: Folded) -> bool:
    """Whether this process opened it."""
    this = this_caller()
    # A second of tolerance: the two readings of a start time may round differently.
    return release.caller.pid == this.pid and abs(release.caller.created - this.created) < 1.0
