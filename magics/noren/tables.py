"""Tables: what `%releases` and `noren status` show, as text and as HTML."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from noren_bento.release.desired import by_model
from noren_bento.release.release import Release, State, maker_of_champion
from noren_bento.release.route import route_of, share_of

if TYPE_CHECKING:
    from noren_bento.control.processes import Status


def _text(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    )


def _html(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(tag: str, cells: tuple[str, ...]) -> str:
        style = "text-align:left;padding:2px 12px 2px 0"
        return "<tr>" + "".join(f'<{tag} style="{style}">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', head)}</thead><tbody>{body}</tbody></table>"


class _Table:
    head: tuple[str, ...]
    empty: str

    def _rows(self) -> list[tuple[str, ...]]:
        raise NotImplementedError

    def __repr__(self) -> str:
        rows = self._rows()
        return _text(self.head, rows) if rows else self.empty

    def _repr_html_(self) -> str:
        rows = self._rows()
        return _html(self.head, rows) if rows else f"<p>{escape(self.empty)}</p>"


@dataclass(frozen=True, repr=False)
class ReleasesTable(_Table):
    """All releases, the latest first, and under them what needs a look."""

    releases: tuple[Release, ...]
    troubles: tuple[str, ...] = ()
    """What control could not do or sees elsewhere, such as a champion that was deleted in MLflow."""
    head = ("release", "candidate", "champion before", "state", "traffic", "since", "because")
    empty = "Nothing is released yet. %deploy takes a model the whole way."

    def __len__(self) -> int:
        return len(self.releases)

    def __repr__(self) -> str:
        return "\n".join((super().__repr__(), *(f"trouble: {text}" for text in self.troubles)))

    def _repr_html_(self) -> str:
        return super()._repr_html_() + "".join(f"<p>trouble: {escape(text)}</p>" for text in self.troubles)

    def _rows(self) -> list[tuple[str, ...]]:
        histories = by_model(self.releases)
        return [_row(release, histories[release.name]) for release in reversed(self.releases)]


def _row(release: Release, history: tuple[Release, ...]) -> tuple[str, ...]:
    maker = maker_of_champion(history)
    serves = maker is not None and maker.id == release.id
    superseded = release.state is State.PROMOTED and not serves
    # A version may have been released more than once; the traffic is shown where it came from.
    has_traffic = serves or release.active
    share = share_of(route_of(history), release.candidate) if has_traffic else 0
    return (
        release.id,
        release.candidate,
        release.champion or "none",
        "superseded" if superseded else str(release.state),
        f"{share} %",
        time.strftime("%Y-%m-%d %H:%M", time.localtime(release.ended_at or release.opened_at)),
        release.because,
    )


@dataclass(frozen=True, repr=False)
class StatusTable(_Table):
    """What runs."""

    status: Status
    head = ("what", "state")
    empty = ""

    def _rows(self) -> list[tuple[str, ...]]:
        status = self.status
        parts = (("supervisor", status.supervisor), ("envoy", status.envoy), ("control", status.control))
        rows: list[tuple[str, ...]] = [
            ("address", status.url if status.envoy else f"{status.url} (not listening)")
        ]
        rows += [(name, "running" if runs else "not running; `noren up` starts it") for name, runs in parts]
        rows += [(version, text) for version, text in status.versions]
        return rows + [("trouble", text) for text in status.troubles]
