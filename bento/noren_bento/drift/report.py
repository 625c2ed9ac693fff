"""DriftReport: for each input column and output, how far and how surely it has moved, and since when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from noren_bento.drift.odds import odds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """Drift of one column. Size (PSI) and evidence are two numbers; an alarm needs both."""

    name: str
    psi: float
    """Bias-corrected PSI of the most surprising stretch; of all rows where none is surprising."""
    log_evidence: float
    """Natural log of the detector's e-value, already divided by the number of columns and outputs."""
    alarm: bool
    since: float | None
    """Unix seconds at which the most surprising stretch began; None where none is surprising."""
    missing_share: float
    """Share of that stretch's rows without a value, 0 to 1."""
    reference_missing_share: float


@dataclass(frozen=True, slots=True, repr=False)
class DriftReport:
    """Drift of one version. Printed, it is a table: a line a column and output, the most surprising first."""

    version: str
    rows: int
    """Rows that were judged: those of the closed blocks in the ring."""
    columns: tuple[ColumnDrift, ...]
    outputs: tuple[ColumnDrift, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Names of the columns and outputs that have drifted.

        >>> drifted = ColumnDrift("area", 0.31, 20.0, True, 0.0, 0.0, 0.0)
        >>> DriftReport("churn/3", 500, (drifted,), ()).alarms
        ('area',)
        """
        return tuple(column.name for column in (*self.columns, *self.outputs) if column.alarm)

    @property
    def by_surprise(self) -> tuple[ColumnDrift, ...]:
        """Columns and outputs, those in alarm first, then by evidence."""
        both = (*self.columns, *self.outputs)
        return tuple(sorted(both, key=lambda one: (one.alarm, one.log_evidence), reverse=True))

    @property
    def title(self) -> str:
        """The whole in one sentence.

        >>> DriftReport("churn/3", 0, (), ()).title
        'churn/3: no rows yet, so nothing is known of drift'
        """
        columns = (*self.columns, *self.outputs)
        if not self.rows:
            return f"{self.version}: no rows yet, so nothing is known of drift"
        return f"{self.version}: {len(self.alarms)} of {len(columns)} columns drift, over {self.rows:,} rows"

    def __repr__(self) -> str:
        width = max((len(one.name) for one in self.by_surprise), default=0)
        lines = [
            f"{one.name:{width}}  PSI {one.psi:5.2f}  evidence {odds(one.log_evidence) or '–':19}  "
            f"{'drifts' if one.alarm else ''}".rstrip()
            for one in (self.by_surprise if self.rows else ())
        ]
        return "\n".join([*lines, self.title])

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row a column and output, the most surprising first."""
        import pandas as pd  # noqa: PLC0415 -- production carries this module and has no pandas

        rows = [
            {"role": role} | asdict(column)
            for role, columns in (("input", self.columns), ("output", self.outputs))
            for column in columns
        ]
        names = ["role", *(field for field in ColumnDrift.__dataclass_fields__)]
        frame = pd.DataFrame(rows, columns=names)
        frame["since"] = pd.to_datetime(frame["since"].astype("float64"), unit="s", utc=True)
        order = ["alarm", "log_evidence"]
        return frame.sort_values(order, ascending=False, kind="stable", ignore_index=True)
