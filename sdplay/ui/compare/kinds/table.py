"""A table as text, for batches from a file: each row is a picture, each column a setting or a
`{slot}` of the prompt."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from sdplay.compare.axes import Offer, Typed, axis
from sdplay.compare.planfile import table_rows
from sdplay.params import KNOBS, Params
from sdplay.ui import address
from sdplay.ui.compare.axes import echo
from sdplay.ui.session import Studio
from sdplay.ui.share import linked

EXAMPLE = """prompt,thing,style,pictures
"a {thing}, {style}",fox,3d style,2
,owl,flat style,2
"""


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """All rows as one axis of presets. Several pictures of a row count up from the base's seed."""
    text = st.text_area(
        "Table",
        EXAMPLE,
        **linked.bound("table"),
        height=140,
        help="The first line names the columns: a setting, a slot like {thing} of the prompt, or "
        "`pictures`, how many of that row. An empty field takes the one above. Paste from a "
        "spreadsheet, or use Open for a file.",
    )
    rows = table_rows(str(text), base.seed)
    echo(axis("preset").marks, rows, Offer())
    return [("preset", rows)]


def only(name: str, values: Sequence[Any]) -> None:
    """Removes every column of settings but this one. Call it from a callback."""
    lines = list(csv.reader(io.StringIO(st.session_state["table"])))
    columns = [
        at
        for at, column in enumerate(lines[0])
        if column.strip() == name or column.strip() not in KNOBS
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [line[at] for at in columns if at < len(line)] for line in lines
    )
    st.session_state["table"] = text.getvalue()


def put(rows: Sequence[Mapping[str, Any]], base: Params) -> None:
    """Puts the rows of a file into the form, with the base's values where they have none. Call it
    from a callback."""
    columns = dict.fromkeys(key for row in rows for key in row)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([key.strip("{}") for key in columns])
    lines.writerows([row.get(key, getattr(base, key, "")) for key in columns] for row in rows)
    address.put({"table": text.getvalue()})
