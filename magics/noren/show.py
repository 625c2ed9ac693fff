"""Showing: the live view where there is a notebook, plain lines where there is none."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from noren_bento.control.client import user
from noren_bento.control.snapshot import Snapshot
from noren_bento.release.event import Action, Requested

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from noren.handle import Release
    from noren.progress import Progress
    from noren.watching import Watching


_views: list[weakref.ref[Watching]] = []


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


def show_release(release: Release) -> Watching | None:
    """Show the live view of a release; where there is no notebook say what it is."""
    if not in_notebook():
        print(release)
    return show(release.snapshot, _requester(lambda: release))


def show_deploy(subject: str, progress: Progress, release: Callable[[], Release | None]) -> Watching | None:
    """Show the view of a deploy from its first stage on, before there is a release to ask for."""
    from noren.deploying import Deploying  # noqa: PLC0415

    deploying = Deploying(subject, progress, release)
    return show(deploying.snapshot, _requester(release), on_stop=deploying.stopped)


def show(
    fetch: Callable[[], Snapshot],
    request: Callable[[Action], None],
    *,
    on_stop: Callable[[BaseException | None], None] = lambda error: None,
) -> Watching | None:
    """Show the view in this cell and keep it current; outside a notebook nothing."""
    if not in_notebook():
        return None
    view: Watching
    if is_watched():
        from noren.view import ReleaseView  # noqa: PLC0415 -- ipywidgets only where there is a front end

        view = ReleaseView(fetch(), fetch=fetch, request=request, on_stop=on_stop)
    else:
        from noren.watching import StaticView  # noqa: PLC0415

        view = StaticView(fetch(), fetch=fetch, on_stop=on_stop)
    view.follow()
    _views.append(weakref.ref(view))
    return view


def is_watched() -> bool:
    """Whether the cell that runs was sent by a front end that a person sits at, such as JupyterLab or VS Code.

    Those can be asked for input; nbconvert, papermill and `jupyter execute`, which nobody watches, say that they
    cannot.
    """
    kernel = getattr(_shell(), "kernel", None)
    request = kernel.get_parent() if kernel is not None else {}
    return bool(request.get("content", {}).get("allow_stdin", True))


def settle_views(release_id: str) -> None:
    """Bring this notebook's views of a release up to date before the cell ends."""
    for reference in list(_views):
        view = reference()
        if view is None:
            _views.remove(reference)
        elif view.latest.release == release_id:
            view.settle()


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
