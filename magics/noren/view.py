"""ReleaseView: the live view of one release in a notebook cell, and what it leaves behind in the saved notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

from noren.fallback import snapshot_to_html, snapshot_to_text
from noren.reading import has_ended
from noren_bento.control.snapshot import Snapshot
from noren_bento.control.snapshot_json import snapshot_to_json
from noren_bento.errors import NorenError
from noren_bento.release.event import ACTIONS, Action

HERE = Path(__file__).parent
PERIOD_SECONDS = 1.0
"""Time between two looks at the release: quick enough to watch, slow enough to cost nothing."""
STOP_SECONDS = 5.0
"""How long `stop` waits for a look that is under way."""


class ReleaseView(anywidget.AnyWidget):
    """The release view of one Snapshot, kept current by a daemon thread that never prints.

    `fetch` returns the Snapshot of now and `request` passes on what a person asked for with a button; both are
    called from other threads than the cell's, and what they raise is shown in the view. With `follow` the view ends
    by itself when the release has ended, with `watch` only when it is stopped or closed. When it ends, the static
    view takes its place in the cell, so that the saved notebook shows the last state.
    """

    _esm = HERE / "release_view.js"
    _css = HERE / "release_view.css"
    snapshot = traitlets.Dict().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        fetch: Callable[[], Snapshot],
        request: Callable[[Action], None],
        period_seconds: float = PERIOD_SECONDS,
    ) -> None:
        super().__init__(snapshot=snapshot_to_json(snapshot))
        self.latest = snapshot
        self._fetch = fetch
        self._request = request
        self._period_seconds = period_seconds
        self._stopping = threading.Event()
        self._wake = threading.Event()
        """Set when the thread shall look at once instead of at its next turn."""
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._handle: DisplayHandle | None = None
        self._left = _moment(snapshot)
        self.on_msg(self._hear)
        _answer_while_busy(self.comm)

    def follow(self) -> None:
        """Show the view in this cell and keep it current until the release is promoted or rolled back."""
        self._begin(lambda: has_ended(self.latest))

    def watch(self) -> None:
        """Show the view in this cell and keep it current until `stop` or `close`."""
        self._begin(lambda: False)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the view has ended; return whether it has. KeyboardInterrupt comes through."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def push(self, snapshot: Snapshot) -> None:
        """Show this snapshot now."""
        self.latest = snapshot
        self.snapshot = snapshot_to_json(snapshot)

    def settle(self) -> None:
        """Look once more now, and when the release has ended wait until the view has too.

        What a thread shows between two cells can get lost on its way into the saved notebook; what is shown while a
        cell runs is not.
        """
        with self._looking:
            self._look()
            self._leave()
        if has_ended(self.latest):
            self._wake.set()
            self.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Look no more and leave the static view in the cell."""
        self._stopping.set()
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self.wait(STOP_SECONDS)

    def close(self) -> None:
        """Stop, and end the connection to the front end."""
        self.stop()
        super().close()

    def _begin(self, is_over: Callable[[], bool]) -> None:
        if self._thread is not None:
            raise NorenError("This view is shown already. Ask for another one with noren.release(name).")
        shell = InteractiveShell.instance() if InteractiveShell.initialized() else None
        if shell is not None:
            self._handle = display(self, display_id=True)
        # In a terminal an update would print a second time, and a thread must never print.
        if shell is None or not hasattr(shell, "kernel"):
            self._handle = None
        self._thread = threading.Thread(
            target=self._run, args=(is_over,), name=f"view of {self.latest.release}", daemon=True
        )
        self._thread.start()

    def _run(self, is_over: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            with self._looking:
                self._look()
                if is_over():
                    break
                self._leave()
            self._wake.wait(self._period_seconds)
        if self._handle is not None:
            # Without the live view: after the kernel has gone, that would be an error message in its place.
            self._handle.update(_static(self.latest), raw=True)

    def _leave(self) -> None:
        """Bring what is saved with the notebook up to date when something has happened, not with every number."""
        if self._handle is not None and self._left != _moment(self.latest):
            self._left = _moment(self.latest)
            self._handle.update(self)

    def _look(self) -> None:
        try:
            self.push(self._fetch())
        except Exception as error:
            # Whatever it is, the person who watches is told, and the next look may succeed.
            self.trouble = _words(error)
        else:
            self.trouble = ""

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        match content:
            case {"type": "request", "action": str() as action}:
                self.send({"type": "answer", "action": action, **self._ask(action)})

    def _ask(self, action: str) -> dict[str, object]:
        known = next((one for one in ACTIONS if one == action and one in self.latest.actions), None)
        if known is None:
            return {
                "ok": False,
                "text": f"Now is no time to {action}: {self.latest.candidate} is {self.latest.state}.",
            }
        try:
            self._request(known)
        except Exception as error:
            return {"ok": False, "text": _words(error)}
        return {"ok": True, "text": f"Asked for: {action}."}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, **_static(self.latest)}, metadata


def _answer_while_busy(comm: Any) -> None:
    """Let buttons work while a cell runs: messages stay on the subshell that JupyterLab sent them on.

    ipykernel 7.4 sends what a front end says on to whichever shell spoke last on this connection, and that is the one
    that is busy with the cell. Other kernels do not have this and need nothing.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, subshell: subshell


def _moment(snapshot: Snapshot) -> tuple[object, ...]:
    stages = tuple(stage.status for stage in snapshot.stages)
    outcomes = tuple((verdict.check, verdict.outcome) for verdict in snapshot.verdicts)
    return snapshot.state, snapshot.step, snapshot.weight, stages, outcomes


def _static(snapshot: Snapshot) -> dict[str, str]:
    return {"text/html": snapshot_to_html(snapshot), "text/plain": snapshot_to_text(snapshot)}


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, NorenError) else f"{type(error).__name__}: {error}"
