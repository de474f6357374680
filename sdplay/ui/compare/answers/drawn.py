"""A chart on the page: its question, the picture behind a point, and the same data as a table and
as CSV."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from sdplay.files.spreadsheet import table_text
from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare import cells, sweeping
from sdplay.ui.compare.answers.shapes import PICK, filled
from sdplay.ui.picture import inline
from sdplay.ui.session import Studio
from sdplay.wording import literal

AS_CHART, AS_TABLE = "Chart", "Table"
ICONS = {AS_CHART: "show_chart", AS_TABLE: "table_rows"}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Plotted:
    """One chart and its data."""

    key: str
    question: str
    shape: str
    rows: Sequence[Row]
    columns: Mapping[str, str]
    """The columns of its table: names in the rows, each with its heading."""

    @property
    def table(self) -> list[dict[str, Any]]:
        """The rows as people read them."""
        return [
            {heading: _plain(row.get(name)) for name, heading in self.columns.items()}
            for row in self.rows
        ]

    @property
    def csv(self) -> str:
        """The rows as a CSV file."""
        return table_text(list(self.columns.values()), self.table)


def draw(
    studio: Studio,
    sweep: Sweep,
    drawn: Plotted,
    initial: tuple[int, ...] = (),
    controls: Callable[[], None] = lambda: None,
) -> None:
    """Draws the chart with the picture of the clicked point beside it, at first `initial`; or its
    table. `controls` stand beside its question."""
    if _head(drawn, controls) == AS_TABLE:
        st.dataframe(drawn.table, hide_index=True, width="stretch", key=f"table_{drawn.key}")
        return
    chart = filled(drawn.shape, with_pictures(sweep, drawn.rows))
    if not initial:
        st.vega_lite_chart(chart, width="stretch", key=f"{drawn.key}_{sweep.group}")
        return
    left, right = st.columns([4, 1], gap="medium", vertical_alignment="center")
    with left:
        event = st.vega_lite_chart(
            chart, width="stretch", key=f"{drawn.key}_{sweep.group}", on_select="rerun"
        )
    clicked = event["selection"].get(PICK.name)
    at = tuple(map(int, clicked[0]["at"].split(","))) if clicked else initial
    with right:
        _picture(studio, sweep, at, drawn.key)


def _head(drawn: Plotted, controls: Callable[[], None]) -> str:
    """The question, and how it is answered."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{literal(drawn.question)}**", width="content")
        controls()
        st.space("stretch")
        look = st.segmented_control(
            f"{drawn.question} As",
            tuple(ICONS),
            default=AS_CHART,
            required=True,
            key=f"as_{drawn.key}",
            format_func=lambda look: f":material/{ICONS[look]}: {look}",
            label_visibility="collapsed",
        )
        st.download_button(
            "CSV",
            lambda: drawn.csv,
            f"sdplay-{drawn.key}.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key=f"csv_{drawn.key}",
            help="What is drawn here, as a table.",
        )
    return str(look)


def _picture(studio: Studio, sweep: Sweep, at: tuple[int, ...], key: str) -> None:
    results = sweep.results()
    result = results.get(at)
    if result is None or not result.picture:
        return
    with st.container(gap="xsmall", key=f"seen_{key}"):
        inline.picture(
            sweeping.original(studio, result.picture),
            width="stretch",
            alt=result.cell.name,
        )
        st.caption(literal(result.cell.name))
        st.button(
            "Beside A",
            icon=":material/compare:",
            type="tertiary",
            key=f"beside_{key}",
            on_click=_lay_beside,
            args=(sweep, at),
            disabled=at == cells.picked(sweep, results)[1],
            help="Make it B: under the glass, above.",
        )


def _lay_beside(sweep: Sweep, at: tuple[int, ...]) -> None:
    whole.due()
    cells.lay_beside(sweep, at)


def with_pictures(sweep: Sweep, rows: Iterable[Row]) -> list[Row]:
    """Adds to each point the name of its thumbnail, which appears under the pointer."""
    results = {",".join(map(str, at)): result for at, result in sweep.results().items()}
    return [
        {**row, "picture": results[row["at"]].picture} if row.get("at") in results else row
        for row in rows
    ]


def _plain(value: Any) -> Any:
    """The rows as people read them: labels in one line, numbers rounded, unknown values empty."""
    if isinstance(value, str):
        return value.replace("\n", " ")
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
