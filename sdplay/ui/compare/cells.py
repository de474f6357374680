"""The cells of a sweep as a sheet: ordered by its axes, tinted by a measurement, with two of them
chosen as A and B."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.compare.evidence.findings import dearest
from sdplay.compare.evidence.measures import COLOUR, WHAT_THEY_SEE
from sdplay.compare.explore.refine import CoarseToFine
from sdplay.compare.plan import Cell, Plan
from sdplay.compare.results import SPARED, Result, measured_alike
from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare import sweeping
from sdplay.ui.components.grid import GridCell, grid, thumbnails
from sdplay.ui.session import Studio
from sdplay.wording import literal, many

AT_ONCE = 600
"""The most cells on one page of the grid."""
LARGE_CELLS = 24
"""With so few cells each one is so large that a thumbnail would be blurred."""
MIDDLING_CELLS = 100
"""Up to so many, that half a thumbnail would be."""
LONG_ROW = 8
"""With more cells than this, a single axis continues line after line, and each cell has its own
label."""
STATES = {"queued": "waits", "running": "at work", "cancelled": "stopped"}
"""What is said about a cell without a picture."""
At = tuple[int, ...]
Results = Mapping[At, Result]


def sheet(studio: Studio, sweep: Sweep, results: Results, tools: DeltaGenerator) -> None:
    """One page of the grid. A click makes a cell B, and the tint is chosen beside the tools."""
    plan = sweep.plan
    columns, rows, fixed = _laid_out(sweep)
    table = _drawn(plan.table(rows, columns, fixed))
    at_a, at_b = picked(sweep, results)
    send(studio, sweep, results)
    with tools:
        _ways(sweep, fixed, {"A": at_a, "B": at_b})
        heat, captions = _heat(studio, results, at_a)
    flows = rows is None and len(table[0]) > LONG_ROW
    likely = stand_ins(sweep, results)
    cells = [
        _tile(
            cell,
            results[cell.at],
            likely.get(cell.at),
            heat,
            captions,
            "A" if cell.at == at_a else "B" if cell.at == at_b else "",
            flows,
        )
        for line in table
        for cell in line
    ]
    across = (
        [] if flows else [cell.said[columns] if columns is not None else "" for cell in table[0]]
    )
    down = [line[0].said[rows] if rows is not None else "" for line in table]
    if clicked := grid(
        across,
        down,
        cells,
        f"grid_{sweep.group}",
        ratio=ratio(plan),
    ):
        pick(sweep, tuple(map(int, clicked.split(","))))
        st.rerun(scope="fragment")


def _drawn(table: list[list[Cell]]) -> list[list[Cell]]:
    """As many whole lines as a browser can show. How many are left out is said."""
    lines = [line[:AT_ONCE] for line in table[: max(1, AT_ONCE // len(table[0]))]]
    if left := len(table) * len(table[0]) - len(lines) * len(lines[0]):
        st.caption(f"{many(left, 'cell')} more: the sheet, the table and the report have them all.")
    return lines


def picked(sweep: Sweep, results: Results) -> tuple[At | None, At | None]:
    """The chosen A and B. By default A is the most expensive cell of a scheduler that settles, and
    B the first that differs least from it."""
    at_a, at_b = (st.session_state.get(f"{which}_{sweep.group}") for which in ("first", "second"))
    if sweep.moving and not at_b:
        return None, None
    finished = [at for at, result in results.items() if result.picture]
    goal = dearest(results[at] for at in finished)
    at_a = at_a or (goal.cell.at if goal else None)
    if at_a is None or at_b:
        return at_a, at_b
    distances = {
        at: sum(a != b for a, b in zip(at, at_a, strict=True)) for at in finished if at != at_a
    }
    return at_a, min(distances, key=distances.__getitem__, default=at_a)


def _ways(sweep: Sweep, fixed: Mapping[int, int], chosen: Mapping[str, At | None]) -> None:
    """Buttons to the pages with A and B, if they are on other pages."""
    for letter, at in chosen.items():
        axes = [axis for axis, page in fixed.items() if at and at[axis] != page]
        if at and axes:
            labels = [sweep.plan.varied[axis].marks[at[axis]].label for axis in axes]
            st.button(
                f"Go to {letter}: {literal(', '.join(labels))}",
                icon=":material/arrow_forward:",
                key=f"go_{letter}",
                on_click=_turn,
                args=(sweep, at),
                help=f"{letter} lies on another page of the grid.",
            )


def _turn(sweep: Sweep, at: At) -> None:
    for axis in range(2, len(at)):
        st.session_state[_page_key(sweep, axis)] = at[axis]


def _page_key(sweep: Sweep, axis: int) -> str:
    return f"page_{sweep.group}_{axis}"


def pick(sweep: Sweep, at_b: At, at_a: At | None = None) -> None:
    """Makes a cell B, or another one A."""
    st.session_state[f"second_{sweep.group}"] = at_b
    if at_a is not None:
        whole.due()  # the charts below may measure against A
        st.session_state[f"first_{sweep.group}"] = at_a


def lay_beside(sweep: Sweep, at: At) -> None:
    """Makes a cell B, and says where to see it, because not every view shows A and B."""
    pick(sweep, at)
    st.toast("It is B now: look at it under A / B.", icon=":material/compare:")


def send(studio: Studio, sweep: Sweep, results: Results) -> None:
    """Sends every thumbnail to the browser, new ones after those that it has."""
    sent: dict[str, str] = st.session_state.setdefault(f"sent_{sweep.group}", {})
    new = [
        result.picture
        for result in results.values()
        if result.picture and result.picture not in sent
    ]
    sent |= {id: b64encode(jpeg).decode() for id, jpeg in _files(len(results))(studio, new).items()}
    thumbnails(sent)


def _files(count: int) -> Callable[[Studio, Iterable[str]], dict[str, bytes]]:
    """What of its pictures goes to the browser: the more cells, the less each of them shows."""
    if count <= LARGE_CELLS:
        return sweeping.previews
    return sweeping.thumbnails if count <= MIDDLING_CELLS else sweeping.glances


def _laid_out(sweep: Sweep) -> tuple[int | None, int | None, dict[int, int]]:
    """Which axis runs across, which runs down, and the values of the others."""
    varied = sweep.plan.varied
    fixed: dict[int, int] = {}
    if len(varied) > 2:
        with st.container(horizontal=True):
            for at, along in enumerate(varied[2:], 2):
                labels = [mark.label for mark in along.marks]
                choice = st.segmented_control(
                    along.axis.label,
                    range(len(labels)),
                    default=0,
                    required=True,
                    key=_page_key(sweep, at),
                    format_func=labels.__getitem__,
                )
                fixed[at] = int(choice or 0)
    return (0 if varied else None), (1 if len(varied) > 1 else None), fixed


def _heat(
    studio: Studio, results: Results, at_a: At | None
) -> tuple[dict[At, float], dict[At, str]]:
    """How strongly each cell is tinted, and what is said about it."""
    if at_a is None:
        return {}, {}
    st.space("stretch")
    tints = ["No tint", *["Time"] * measured_alike(results.values()), "Difference"]
    if st.session_state.get("tint") not in (None, *tints):
        del st.session_state["tint"]
    with st.popover(
        "Tint",
        icon=":material/palette:",
        type="tertiary",
        key="tinting",
        help="Frames the cells by how long they took, or by their colour distance to A. "
        f"{WHAT_THEY_SEE}",
    ):
        tint = st.segmented_control(
            "Tint by",
            tints,
            default="No tint",
            required=True,
            key="tint",
            label_visibility="collapsed",
        )
    if tint == "No tint":
        return {}, {}
    if tint == "Time":
        measured = {
            at: result.seconds for at, result in results.items() if result.seconds is not None
        }
        return _shares(measured), {}
    differences = sweeping.differences(studio, results[at_a], results.values())
    return _shares({at: difference.by(COLOUR) for at, difference in differences.items()}), {
        at: difference.numbers for at, difference in differences.items()
    }


def _shares(measured: Mapping[At, float]) -> dict[At, float]:
    most = max(measured.values(), default=0.0)
    return {at: value / most if most else 0.0 for at, value in measured.items()}


def _tile(
    cell: Cell,
    result: Result,
    stand_in: Result | None,
    heat: Mapping[At, float],
    captions: Mapping[At, str],
    badge: str,
    named: bool,
) -> GridCell:
    text = captions.get(cell.at) or result.caption or STATES.get(result.state, "")
    title = ", ".join(filter(None, (cell.name, badge, result.state, result.caption)))
    label = " · ".join(filter(None, (*cell.said, text))) if named else text
    return GridCell(
        ",".join(map(str, cell.at)),
        result.state,
        label,
        title,
        stand_in.picture if stand_in else result.picture,
        badge,
        heat.get(cell.at),
    )


def stand_ins(sweep: Sweep, results: Results) -> dict[At, Result]:
    """For each cell that was left out, the made one that it probably looks like: the nearest."""
    spared = [at for at, result in results.items() if result.state == SPARED]
    made = [at for at, result in results.items() if result.picture]
    if not spared or not made:
        return {}
    key, state = f"stand_ins_{sweep.group}", (len(spared), len(made))
    if st.session_state.get(key, (None, None))[0] != state:
        grid = CoarseToFine(sweep.plan)
        nearest = {at: grid.nearest(at, made) for at in spared}
        st.session_state[key] = (state, nearest)
    places: dict[At, At] = st.session_state[key][1]
    return {at: results[near] for at, near in places.items()}


def ratio(plan: Plan) -> float:
    """The width of the pictures divided by their height."""
    return plan.base.params.width / plan.base.params.height
