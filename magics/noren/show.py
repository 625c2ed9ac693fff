"""Showing: the live view where there is a notebook, plain lines where there is none."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from noren_bento.control.client import user
from noren_bento.control.snapshot import Snapshot, StageView
from noren_bento.errors import UnreachableError
from noren_bento.release.event import Action, Requested

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from noren.handle import Release
    from noren.stages import Stages
    from noren.view import ReleaseView


_views: list[weakref.ref[ReleaseView]] = []


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    shell = _shell()
    return shell is not None and hasattr(shell, "kernel")


def current_cell() -> int | None:
    """Number of the cell that runs; None outside IPython."""
    shell = _shell()
    return None if shell is None else int(shell.execution_count)


def tell(text: str) -> None:
    """Say one line of progress where no view shows it."""
    if not in_notebook():
        print(f"noren: {text}", file=sys.stderr, flush=True)


def show_release(release: Release) -> ReleaseView | None:
    """Show the live view of a release; where there is no notebook print it in one line."""
    if not in_notebook():
        print(_line(release))
    return show(release.snapshot, _requester(lambda: release))


def show_deploy(subject: str, stages: Stages, release: Callable[[], Release | None]) -> ReleaseView | None:
    """Show the view of a deploy from its first stage on, before there is a release to ask for."""
    began = time.time()

    def fetch() -> Snapshot:
        found = release()
        mine = stages.views()
        if found is None:
            name = subject.rpartition("/")[0] or subject
            return Snapshot(
                release="",
                name=name,
                state="opened",
                now=time.time(),
                opened_at=began,
                candidate=subject,
                champion=None,
                url="",
                stages=(*mine, StageView("canary", "waiting"), StageView("promote", "waiting")),
            )
        snapshot = found.snapshot()
        # What this call did not do, or not yet, the release's own log knows.
        done = [view for view in mine if view.status != "waiting"]
        own = {view.name for view in done}
        return replace(snapshot, stages=(*done, *(one for one in snapshot.stages if one.name not in own)))

    return show(fetch, _requester(release))


def show(fetch: Callable[[], Snapshot], request: Callable[[Action], None]) -> ReleaseView | None:
    """Show the view in this cell and keep it current; outside a notebook nothing."""
    if not in_notebook():
        return None
    from noren.view import ReleaseView  # noqa: PLC0415 -- ipywidgets only where there is a notebook

    view = ReleaseView(fetch(), fetch=fetch, request=request)
    view.follow()
    _views.append(weakref.ref(view))
    return view


def settle_views(release_id: str) -> None:
    """Bring this notebook's views of a release up to date before the cell ends."""
    for reference in list(_views):
        view = reference()
        if view is None:
            _views.remove(reference)
        elif view.latest.release == release_id:
            view.settle()


def _line(release: Release) -> str:
    from noren.fallback import snapshot_to_text  # noqa: PLC0415

    try:
        return f"{snapshot_to_text(release.snapshot())} · {release.url}"
    except UnreachableError:
        return repr(release)  # from the log, which can be read without control


def _requester(release: Callable[[], Release | None]) -> Callable[[Action], None]:
    def request(action: Action) -> None:
        found = release()
        if found is not None:
            found.client.append(found.id, Requested(action), why=f"{user()} asked to {action}")

    return request


def _shell() -> InteractiveShell | None:
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # noqa: PLC0415

    return get_ipython()  # type: ignore[no-any-return]
