"""Tables: what `%releases` and `noren status` show, as text and as HTML."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from noren_bento.release.release import Release, State, maker_of_champion

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
    """All releases, the latest first."""

    releases: tuple[Release, ...]
    head = ("release", "candidate", "champion before", "state", "traffic", "since", "because")
    empty = "Nothing is released yet. %deploy takes a model the whole way."

    def __len__(self) -> int:
        return len(self.releases)

    def _traffic(self, release: Release) -> int:
        """Share that the release's candidate has now: a promoted one may have been replaced since."""
        maker = maker_of_champion([one for one in self.releases if one.name == release.name])
        if release.state is State.PROMOTED:
            running = [
                one.weight for one in self.releases if one.name == release.name and one.state is State.CANARY
            ]
            return 100 - sum(running) if maker is not None and maker.id == release.id else 0
        return release.weight if release.champion else 0

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                release.id,
                release.candidate,
                release.champion or "none",
                str(release.state),
                f"{self._traffic(release)} %",
                time.strftime("%Y-%m-%d %H:%M", time.localtime(release.ended_at or release.opened_at)),
                release.because,
            )
            for release in reversed(self.releases)
        ]


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
