"""CSV files: one writer for every table, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula; the wide ones where it runs in
Japanese."""


def write_table(
    file: IO[str],
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    header: bool = True,
) -> None:
    """Write these columns of the rows; open the file with newline="" so that lines end as RFC 4180
    says."""
    # With this line end the csv module quotes a bare CR as well as a LF: neither starts a new row.
    lines = csv.writer(file, lineterminator="\r\n")
    if header:
        lines.writerow(columns)
    for row in rows:
        lines.writerow([_field(row.get(name)) for name in columns])


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The whole table as text."""
    text = io.StringIO(newline="")
    write_table(text, columns, rows)
    return text.getvalue()


def _field(value: Any) -> str:
    """Numbers stay numbers; text that would run as a formula is marked as text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    text = str(value).encode("utf-8", "replace").decode().replace("\0", "")
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA_SIGNS) else text
