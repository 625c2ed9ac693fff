"""Stages: tag, compress, build, validate: each alone, as a magic, a Python call or a shell verb asks for it."""

# ruff: noqa: PLC0415 -- heavy libraries are imported by the stage that needs them

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noren.progress import Progress
from noren.show import tell
from noren_bento.control.client import ControlClient
from noren_bento.errors import NorenError
from noren_bento.release.release import State
from noren_bento.release.version import ModelVersion, require_name
from noren_bento.settings import Settings

if TYPE_CHECKING:
    from noren_bento.bento_build.build import Build
    from noren_bento.compress.result import Compression
    from noren_bento.tagging.version_files import VersionFiles
    from noren_validation.validation import Validation


class Stages:
    """What can be done with one model or version under one home before it gets requests."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self._settings = settings
        self._progress = progress or Progress(tell)

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
            settings=self._settings,
            with_modules=[Path(path) for path in with_modules],
            trace=read_trace(),
            progress=lambda text: self._progress.detail("tag", text),
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
            progress=lambda text: self._progress.detail("tag", text),
        )

    def build(self, version: ModelVersion | str, accept: str | None = None) -> Build:
        """Build a version's bento, or return the one that is there; `accept` says why a released one is built anew."""
        from noren_bento.bento_build.build import build_bento

        if accept is not None:
            return self._rebuild(str(version), accept)
        return build_bento(
            self.files(version),
            settings=self._settings,
            progress=lambda text: self._progress.detail("build", text),
        )

    def _rebuild(self, version: str, why: str) -> Build:
        """Build a released version anew and let it be served, where it comes out as another bento than before."""
        from noren_bento.bento_build.build import rebuild_bento
        from noren_bento.release.event import Rebuilt

        if not why.strip():
            raise NorenError(
                f"Say why another build of {version} is accepted: it is written into the event log."
            )
        client = ControlClient(self._settings)
        mine = [one for one in client.releases() if one.candidate == version and one.state is State.PROMOTED]
        if not mine:
            raise NorenError(
                f"{version} was never promoted, so there is no build to replace. `noren deploy {version}` builds, "
                "validates and releases it."
            )
        client.status()  # told before it is built where nobody could write it down
        build = rebuild_bento(
            self.files(version),
            settings=self._settings,
            progress=lambda text: self._progress.detail("build", text),
        )
        if build.digest == mine[-1].bento_digest:
            tell(f"{version} came out as it was released: there is nothing to accept")
            return build
        body = Rebuilt(
            build.bento, str(build.path), build.runtime, build.because, build.digest, build.speedup
        )
        client.append(mine[-1].id, body, why=why)
        return build

    def validate(
        self, version: ModelVersion | str, notebooks: Sequence[str | Path] | None = None
    ) -> Validation:
        """Validate a version's bento in a service of its own that ends with the validation."""
        from noren_bento.targets.temporary import serving

        require_notebooks(notebooks)
        build = self.build(version)
        address: Future[str] = Future()
        over = threading.Event()

        def serve() -> None:
            try:
                with serving(build.path, settings=self._settings) as url:
                    address.set_result(url)
                    over.wait()
            except BaseException as error:
                if not address.done():
                    address.set_exception(error)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(serve)
            try:
                return self.validate_served(build, address.result, notebooks)
            finally:
                over.set()

    def validate_served(
        self,
        build: Build,
        service: Callable[[], str],
        notebooks: Sequence[str | Path] | None,
    ) -> Validation:
        """Validate a bento that is served at the address that `service` waits for."""
        from noren_validation.runner import validate_bento

        return validate_bento(
            self.files(build.version),
            build,
            champion=self._champion_path(build.version.name),
            service=service,
            settings=self._settings,
            notebooks=None if notebooks is None else [Path(path) for path in notebooks],
            progress=lambda text: self._progress.detail("validate", text),
        )

    def files(self, version: ModelVersion | str) -> VersionFiles:
        """A tagged version's files in the model store."""
        from noren_bento.stores.models import ModelStore

        return ModelStore(self._settings).files(str(version))

    def _champion_path(self, name: str) -> Path | None:
        from noren_bento.release.release import champion_of

        mine = [release for release in ControlClient(self._settings).releases() if release.name == name]
        champion = champion_of(mine)
        paths = [Path(r.bento_path) for r in mine if r.candidate == champion and r.bento_path]
        return paths[-1] if champion and paths else None


def require_notebooks(notebooks: Sequence[str | Path] | None) -> None:
    """A name that is mistyped is told before anything is done."""
    from noren_validation import runner

    runner.require_notebooks(None if notebooks is None else [Path(path) for path in notebooks])
