"""Ring: the last blocks of rows of one version, as counts; what the drift detector looks at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from noren_bento.errors import NorenError
from noren_bento.profile.profile import Counts
from noren_bento.profile.window import Layout, Window


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Counts of one stretch of rows."""

    at: float
    """Unix seconds of its start."""
    vector: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """Closed blocks, oldest first, and the one that is still filling.

    A block is closed by the push that brings it to `block_rows` rows; the oldest falls out beyond `capacity`.
    """

    layout: Layout
    capacity: int = 64
    block_rows: int = 100
    blocks: tuple[Block, ...] = ()
    filling: Block | None = field(default=None)

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.block_rows < 1:
            raise NorenError(
                f"A ring has at least one block of at least one row; got capacity {self.capacity}, "
                f"block_rows {self.block_rows}."
            )

    @property
    def rows(self) -> int:
        """Rows in the closed blocks."""
        return sum(Window(self.layout, block.vector).rows for block in self.blocks)

    def push(self, vector: Counts, at: float) -> Ring:
        """Return the ring with the counts since the last push added; `at` is when they began, in Unix seconds.

        Raises NorenError on negative counts: counters that restarted must be told apart before.
        """
        window = Window(self.layout, vector)
        if (vector < 0).any():
            raise NorenError("Counts since the last push are negative: the counters began anew in between.")
        if not vector.any():
            return self
        if self.filling is not None:
            window, at = window + Window(self.layout, self.filling.vector), self.filling.at
        block = Block(at, window.vector)
        if window.rows < self.block_rows:
            return replace(self, filling=block)
        return replace(self, blocks=(*self.blocks, block)[-self.capacity :], filling=None)
