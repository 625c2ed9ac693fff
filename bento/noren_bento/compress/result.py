"""Compression: the original and its variants side by side, for a person to pick from."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from noren_bento.compress.proposal import Proposal
from noren_bento.errors import NotFoundError
from noren_bento.release.version import ModelVersion
from noren_bento.tagging.metrics.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Variant:
    """What one variant of a model gains and costs, on the same test rows as all the others."""

    name: str
    how: str
    """One sentence: what was changed."""
    bytes: int
    """Size of its file."""
    one_row_ms: float
    """CPU milliseconds for one row, as on a core of its own: the median."""
    rows_per_second: float
    """In bulk, of one core."""
    score: Interval | None
    """Accuracy, or R² for numbers, with its 95 % interval; None where the test data has no target."""
    gain: Interval | None
    """The score minus the original's on the same rows, with its 95 % interval."""
    changed: float
    """Share of the test rows with another label than the original's, or the largest |difference| of a number."""


@dataclass(frozen=True, slots=True, repr=False)
class Compression:
    """What `compress` found. The tagged version is the original: `compression["prune 0.01"]` is a model to tag."""

    version: ModelVersion
    """The original, tagged."""
    variants: tuple[Variant, ...]
    """The original first, then the variants from the largest to the smallest file."""
    proposals: tuple[Proposal, ...] = field(repr=False)
    model: Any = field(repr=False)
    """The original model."""
    rows: int = 0
    """Test rows that all were measured on."""
    of_rows: int = 0
    """Test rows that there are."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variants, as `compression[name]` takes them."""
        return tuple(variant.name for variant in self.variants)

    def __getitem__(self, name: str) -> Any:
        """Return the variant of this name: a model of its own, ready to be tagged."""
        found = next((one for one in self.proposals if one.name == name), None)
        if found is None and name != self.variants[0].name:
            near = difflib.get_close_matches(name, self.names, n=1)
            hint = f" Is {near[0]!r} meant?" if near else ""
            raise NotFoundError(f"There is no variant {name!r}.{hint} There are: {', '.join(self.names)}.")
        changed = copy.deepcopy(self.model)
        if found is not None:
            found.apply(changed)
        return changed

    @property
    def table(self) -> pd.DataFrame:
        """The variants as a DataFrame, one a row, by name."""
        import pandas as pd

        score = "r2" if self.version.signature.task == "regression" else "accuracy"
        changed = "largest_difference" if score == "r2" else "labels_changed"
        rows = []
        for one in self.variants:
            row: dict[str, Any] = {"variant": one.name, "bytes": one.bytes, "one_row_ms": one.one_row_ms}
            row["rows_per_second"] = one.rows_per_second
            for name, interval in ((score, one.score), (f"{score}_gain", one.gain)):
                if interval is not None:
                    row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
            rows.append(row | {changed: one.changed, "how": one.how})
        return pd.DataFrame(rows).set_index("variant")

    def head(self) -> tuple[str, ...]:
        """Titles of `cells`."""
        numbers = self.version.signature.task == "regression"
        score = "R²" if numbers else "accuracy"
        scored = (f"{score} (95 %)", "against the original") if self.variants[0].score is not None else ()
        return (
            "variant",
            "size",
            "one row",
            "rows/s",
            *scored,
            "largest |Δ|" if numbers else "labels changed",
        )

    def cells(self) -> list[tuple[str, ...]]:
        """The table as text, a row a variant."""
        return [self._cells(one) for one in self.variants]

    def _cells(self, one: Variant) -> tuple[str, ...]:
        first = one is self.variants[0]
        size = write_bytes(one.bytes)
        if not first:
            size += f" ({one.bytes / self.variants[0].bytes:.0%})"
        scored: tuple[str, ...] = ()
        if one.score is not None and one.gain is not None:
            scored = (
                f"{one.score.value:.4f} ({one.score.low:.4f}–{one.score.high:.4f})",
                "" if first else f"{one.gain.value:+.4f} ({one.gain.low:+.4f} to {one.gain.high:+.4f})",
            )
        numbers = self.version.signature.task == "regression"
        changed = f"{one.changed:.4g}" if numbers else f"{one.changed:.2%}"
        return (
            one.name,
            size,
            f"{one.one_row_ms:.2f} ms",
            f"{one.rows_per_second:,.0f}",
            *scored,
            "" if first else changed,
        )

    def title(self) -> str:
        """One line above the table."""
        on = f"{self.rows:,} test rows" + (f" of {self.of_rows:,}" if self.of_rows > self.rows else "")
        return f"{self.version} compressed, measured on {on}, times of one core"

    def closing(self) -> str:
        """One line below it: what to do next."""
        if len(self.variants) == 1:
            return "Nothing here can be left out without fitting again; the tagged version is the original."
        name = self.variants[-1].name
        return f'The tagged version is the original. To take another: small = compression["{name}"], then tag small.'

    def __repr__(self) -> str:
        rows = [self.head(), *self.cells()]
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            ).rstrip()
            for row in rows
        ]
        return "\n".join([self.title(), *lines, self.closing()])


def write_bytes(size: int) -> str:
    """Write a size for people.

    >>> write_bytes(812), write_bytes(53_000), write_bytes(1_240_000)
    ('812 B', '53 kB', '1.2 MB')
    """
    for unit, step in (("GB", 1e9), ("MB", 1e6)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size / 1e3:.0f} kB" if size >= 1000 else f"{size} B"
