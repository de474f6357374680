"""Results as rows of a table: settings, times, processor, memory and measures, for CSV files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sdplay.compare.evidence.measures import Difference
from sdplay.compare.results import LOAD_COLUMNS, Result
from sdplay.files.spreadsheet import table_text
from sdplay.params import KNOBS
from sdplay.picture import SECONDS

HEADER = (
    "when",
    "cell",
    "state",
    "file",
    "backend",
    "model_version",
    *(name for name in KNOBS if name != "control"),
    "evaluations",
    "seconds",
    *(f"{name}_seconds" for name in SECONDS),
    "at_once",
    "share_seconds",
    *LOAD_COLUMNS,
    "measured_against",
    "colour_distance",
    "ssim",
    "psnr",
    "mean_difference",
    "pixels",
    "warnings",
    "error",
)
"""The same columns for every sweep, so that a file can be added to for ever."""


@dataclass(frozen=True)
class Measured:
    """A result's distance from the cell it is compared with."""

    difference: Difference
    against: str


def row(
    result: Result, measured: Measured | None = None, when: datetime | None = None
) -> dict[str, Any]:
    """One result as a row, with its distance from the reference cell."""
    params = result.cell.params.as_dict()
    times = result.timing.as_dict() if result.timing else {}
    fields: dict[str, Any] = {
        "when": (when or datetime.now(UTC)).isoformat(timespec="seconds"),
        "cell": result.cell.name,
        "state": result.state,
        "file": result.file,
        "backend": result.cell.setup.backend,
        "model_version": result.model,
        "evaluations": result.cell.evaluations,
        "seconds": result.seconds,
        **(result.load.as_dict() if result.load else {}),
        "pixels": result.pixels,
        "warnings": " ".join(result.warnings),
        "error": result.error,
        **{name: params[name] for name in KNOBS if name != "control"},
        **{f"{name}_seconds": times.get(name) for name in SECONDS},
        "at_once": times.get("at_once"),
        "share_seconds": times.get("share"),
    }
    if measured:
        fields |= measures(measured)
    return {name: _rounded(fields.get(name)) for name in HEADER}


def measures(measured: Measured) -> dict[str, Any]:
    """The columns that a difference to the reference cell fills."""
    difference = measured.difference
    fields = {
        "measured_against": measured.against,
        "colour_distance": difference.colour,
        "ssim": difference.ssim,
        "psnr": difference.psnr,
        "mean_difference": difference.mean,
    }
    return {name: _rounded(value) for name, value in fields.items()}


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV."""
    return table_text(HEADER, rows)


def _rounded(value: Any) -> Any:
    """Six digits, which is all that a clock or a measure knows."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
