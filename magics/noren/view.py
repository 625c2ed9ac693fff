"""ReleaseView: the live view of one release in a notebook cell, and what it leaves behind in the saved notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import DisplayHandle, display

from noren.watching import Watching, static_bundle, words_of
from noren_bento.control.snapshot import Snapshot
from noren_bento.control.snapshot_json import snapshot_to_json
from noren_bento.release.event import ACTIONS, Action

HERE = Path(__file__).parent / "release_view"
PARTS = ("words", "elements", "snapshot", "arms", "sections", "host")
"""The files of the view's one ES module, in their order: what a notebook loads can import nothing from beside it."""


class ReleaseView(Watching, anywidget.AnyWidget):
    """The release view of one Snapshot, with buttons, for a front end that a person looks at.

    `request` passes on what the person asked for with a button; it is called from another thread than the cell's,
    and what it raises is shown in the view. `more` is that of `Watching.begin_with`.
    """

    _esm = "\n".join((HERE / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _css = HERE / "style.css"
    snapshot = traitlets.Dict().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        fetch: Callable[[], Snapshot],
        request: Callable[[Action], None],
        **more: Any,
    ) -> None:
        anywidget.AnyWidget.__init__(self, snapshot=snapshot_to_json(snapshot))
        self.begin_with(snapshot, fetch=fetch, **more)
        self._request = request
        self.on_msg(self._hear)
        _answer_while_busy(self.comm)

    def push(self, snapshot: Snapshot) -> None:
        """Show this snapshot now."""
        super().push(snapshot)
        self.snapshot = snapshot_to_json(snapshot)

    def complain(self, text: str) -> None:
        """Say what hinders the view; empty when nothing does any more."""
        self.trouble = text

    def close(self) -> None:
        """Stop, and end the connection to the front end."""
        self.stop()
        anywidget.AnyWidget.close(self)

    def _display(self) -> DisplayHandle | None:
        shown: DisplayHandle | None = display(self, display_id=True)
        return shown

    def _renew(self, handle: DisplayHandle) -> None:
        handle.update(self)

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        match content:
            case {"type": "request", "action": str() as action}:
                self.send({"type": "answer", "action": action, **self._ask(action)})
            case {"type": "report"}:
                self.send({"type": "report", **_report(self.latest.report)})

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
            return {"ok": False, "text": words_of(error)}
        return {"ok": True, "text": f"Asked for: {action}."}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, **static_bundle(self.latest)}, metadata


def _report(path: str) -> dict[str, object]:
    """Read the report for a front end, which may be on another machine and cannot open files of this one."""
    try:
        return {"ok": True, "text": Path(path).read_text(encoding="utf-8")}
    except (OSError, ValueError) as error:
        return {"ok": False, "text": f"The report cannot be read: {error}."}


def _answer_while_busy(comm: Any) -> None:
    """Let buttons work while a cell runs: messages stay on the subshell that JupyterLab sent them on.

    ipykernel 7.4 sends what a front end says on to whichever shell spoke last on this connection, and that is the one
    that is busy with the cell. Other kernels do not have this and need nothing.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, subshell: subshell
