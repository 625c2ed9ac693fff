"""DriftReport: for each input column and output, how far and how surely it has moved, and since when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

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


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Drift of one version."""

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
