"""A sweep on the page: its progress, its sheet, two of its pictures under the glass, and what it tells."""

from collections.abc import Mapping

import streamlit as st

from sdplay.compare.guard import Verdict
from sdplay.compare.plan import Cell, duration
from sdplay.compare.results import Result
from sdplay.sweeps import Sweep
from sdplay.ui import experiments, sweeping
from sdplay.ui.details import details
from sdplay.ui.filmstrip import Strip, filmstrip
from sdplay.ui.grid import Tile, grid, thumbnails
from sdplay.ui.pair import Side, pair
from sdplay.ui.problems import explained, plain
from sdplay.ui.session import Studio

POLL_SECONDS = 1.0
AT_ONCE = 600
"""Cells drawn on one page of the grid."""
ICONS = {"failed": "✗", "cancelled": "–", "queued": "…", "running": "…", "planned": ""}
At = tuple[int, ...]


def newest(studio: Studio) -> None:
    """The sweep that was started last; an older one can be chosen."""
    known = sweeping.mine(studio)
    if not known:
        _welcome()
        return
    sweep = known[-1]
    if len(known) > 1:
        numbers = list(range(len(known)))
        chosen = st.selectbox("Sweep", numbers, index=len(numbers) - 1, key=f"sweep_of_{len(known)}",
                              format_func=lambda number: _named(known[number]))  # fmt: skip
        sweep = known[chosen]
    busy = sweep.running

    @st.fragment(run_every=POLL_SECONDS if busy and not sweep.paused else None)
    def view() -> None:
        _progress(sweep)
        with explained():
            _sheet(studio, sweep)
        if busy and not sweep.running:
            st.rerun()

    view()
    if not sweep.running:
        from sdplay.ui import answers  # its charts cost a quarter of a second: not at the first paint of the page

        with explained():
            answers.show(studio, sweep)
            experiments.take_away(studio, sweep)


def _welcome() -> None:
    with st.container(border=True, height=200, horizontal_alignment="center", vertical_alignment="center"):
        st.markdown(":material/grid_on: Choose what to vary and press **Run**. The pictures appear here as they "
                    "are made.", text_alignment="center")  # fmt: skip


def _named(sweep: Sweep) -> str:
    axes = " × ".join(each.axis.label for each in sweep.plan.varied) or "One picture"
    return f"{axes}, {len(sweep.plan.cells)} cells: {sweep.plan.base.params.prompt[:60]}"


def _progress(sweep: Sweep) -> None:
    counts = sweep.counts()
    done = counts.get("made", 0) + counts.get("reused", 0)
    ended = done + sum(counts.get(state, 0) for state in ("failed", "cancelled"))
    total = len(sweep.plan.cells) - counts.get("skipped", 0)
    parts = [f"{done} of {total}"]
    if sweep.running and (left := sweep.seconds_left()):
        parts.append(f"{duration(*left)} left")
    if counts.get("made"):
        parts.append(f"{sweep.seconds / counts['made']:.2f} s per picture")
    if counts.get("reused"):
        parts.append(f"{counts['reused']} from your library or shared")
    if counts.get("failed"):
        parts.append(f"{counts['failed']} failed")
    if sweep.trouble:
        st.warning(plain(sweep.trouble), icon=":material/pause_circle:")
    st.progress(ended / max(1, total), text=" · ".join(parts))
    with st.container(horizontal=True, gap="xsmall"):
        if sweep.running and sweep.paused:
            st.button("Resume", icon=":material/play_arrow:", key="sweep_resume", on_click=sweep.resume)
        elif sweep.running:
            st.button("Pause", icon=":material/pause:", key="sweep_pause", on_click=sweep.pause)
        if sweep.running:
            st.button("Cancel", icon=":material/stop_circle:", key="sweep_cancel", on_click=sweep.cancel)
        elif ended > done:
            st.button(f"Try {ended - done} again", icon=":material/refresh:", key="sweep_retry", on_click=sweep.retry)


def _sheet(studio: Studio, sweep: Sweep) -> None:
    """Rows and columns of one page, then the two pictures that were picked."""
    plan, results = sweep.plan, sweep.results()
    columns, rows, fixed = _laid_out(sweep)
    table = plan.table(rows, columns, fixed)
    finished = [result for result in results.values() if result.picture]
    first, second = _picked(sweep, finished)
    order: list[str] = st.session_state.setdefault(f"order_{sweep.group}", [])
    order += [result.picture for result in finished if result.picture not in order]
    thumbnails({picture: sweeping.thumbnail(studio, picture) for picture in order}, key=f"thumbs_{sweep.group}")
    heat, told = _heat(studio, results, first) if finished else ({}, {})
    cells = [_tile(cell, results[cell.at], heat, told, first, second) for line in table for cell in line][:AT_ONCE]
    params = plan.base.params
    tall = round(140 * params.height / params.width)
    across = [cell.labels[columns] if columns is not None else "" for cell in table[0]]
    down = [line[0].labels[rows] if rows is not None else "" for line in table]
    corner = " / ".join(plan.varied[at].axis.label for at in (rows, columns) if at is not None)
    if place := grid(across, down, cells, f"grid_{sweep.group}", corner, 140, tall):
        st.session_state[f"second_{sweep.group}"] = tuple(map(int, place.split(",")))
        st.rerun(scope="fragment")
    if finished:
        _glass(studio, sweep, results, first, second)


def _laid_out(sweep: Sweep) -> tuple[int | None, int | None, dict[int, int]]:
    """Which axis runs across, which down, and where the others stand."""
    varied = sweep.plan.varied
    fixed: dict[int, int] = {}
    if len(varied) > 2:
        with st.container(horizontal=True):
            for at, each in enumerate(varied[2:], 2):
                labels = [mark.label for mark in each.marks]
                fixed[at] = int(st.segmented_control(
                    each.axis.label, range(len(labels)), default=0, required=True, key=f"page_{sweep.group}_{at}",
                    format_func=lambda number, labels=labels: labels[number]) or 0)  # type: ignore[misc]  # fmt: skip
    return (0 if varied else None), (1 if len(varied) > 1 else None), fixed


def _picked(sweep: Sweep, finished: list[Result]) -> tuple[At | None, At | None]:
    """The reference and the one beside it: chosen, or the dearest and the first finished."""
    state = st.session_state
    if not finished:
        return None, None
    places = [result.cell.at for result in finished]
    dearest = max(finished, key=lambda result: (result.cell.evaluations, result.cell.at)).cell.at
    first = state.get(f"first_{sweep.group}", dearest)
    second = state.get(f"second_{sweep.group}", next((at for at in places if at != first), places[0]))
    return first, second


def _heat(studio: Studio, results: Mapping[At, Result], first: At | None) -> tuple[dict[At, float], dict[At, str]]:
    """How strongly each cell is tinted, and what is said about it."""
    wanted = st.segmented_control("Tint by", ("Nothing", "Time", "Difference"), default="Nothing", required=True,
                                  key="tint", help="Difference is to the cell marked A.")  # fmt: skip
    measured: dict[At, float] = {}
    told: dict[At, str] = {}
    for at, result in results.items():
        if wanted == "Time" and result.seconds is not None:
            measured[at] = result.seconds
        elif wanted == "Difference" and first is not None and result.pixels:
            apart = sweeping.measure(studio, results[first], result)
            if apart:
                measured[at] = apart.distance
                told[at] = f"difference {apart.distance:.3f}"
    most = max(measured.values(), default=0.0)
    return {at: value / most if most else 0.0 for at, value in measured.items()}, told


def _tile(cell: Cell, result: Result, heat: Mapping[At, float], told: Mapping[At, str], first: At | None,
          second: At | None) -> Tile:  # fmt: skip
    text = told.get(cell.at) or result.caption or ICONS.get(result.state, "")
    badge = "A" if cell.at == first else "B" if cell.at == second else ""
    title = ", ".join((*cell.labels, result.state, result.caption)).strip(", ")
    return Tile(",".join(map(str, cell.at)), result.state, text, title, result.picture, badge, heat.get(cell.at))


def _glass(studio: Studio, sweep: Sweep, results: Mapping[At, Result], first: At | None, second: At | None) -> None:
    """A and B, large: what differs in the settings, what differs in the pixels."""
    one, other = results.get(first or ()), results.get(second or ())
    if one is None or other is None or not (one.picture and other.picture):
        return
    sides = [Side(f"{letter}: {', '.join(each.cell.labels) or 'the picture'}", data, each.cell.setup)
             for letter, each in (("A", one), ("B", other))
             if each.picture and (data := sweeping.original(studio, each.picture))]  # fmt: skip
    if len(sides) < 2:
        return

    def tools() -> None:
        st.button("Make B the reference", icon=":material/swap_horiz:", key="look_swap", on_click=_swap,
                  args=(sweep, first, second))  # fmt: skip
        if st.button("Details of B", icon=":material/receipt_long:", key="look_details"):
            details(studio, other.picture)

    pair(sides, "glass", sweeping.measure(studio, one, other), tools, lambda told: _locks(sweep, one, other, told))
    _frames(studio, one, other, [side.label for side in sides])


def _locks(sweep: Sweep, one: Result, other: Result, verdict: Verdict) -> None:
    """Ways to the cells beside A in which only one thing differs."""
    if verdict.level == "confounded":
        for along, (mine, yours) in enumerate(zip(one.cell.at, other.cell.at, strict=True)):
            if mine != yours:
                st.button(f"Only {sweep.plan.varied[along].axis.label}", icon=":material/lock:", type="tertiary",
                          key=f"lock_{along}", on_click=_lock, args=(sweep, one.cell.at, other.cell.at, along),
                          help="Show beside A the cell that differs in nothing else.")  # fmt: skip


def _lock(sweep: Sweep, first: At, second: At, along: int) -> None:
    st.session_state[f"second_{sweep.group}"] = (*first[:along], second[along], *first[along + 1 :])


def _swap(sweep: Sweep, first: At | None, second: At | None) -> None:
    st.session_state[f"first_{sweep.group}"], st.session_state[f"second_{sweep.group}"] = second, first


def _frames(studio: Studio, one: Result, other: Result, names: list[str]) -> None:
    """The two runs as film, where the frames were kept."""
    strips = []
    for name, result in zip(names, (one, other), strict=True):
        kept = sweeping.kept(studio, result)
        if kept and kept.has_frames:
            strips.append(Strip(name, studio.library.frames(kept)))
    if strips:
        with st.expander("Filmstrip", icon=":material/theaters:", key="film"):
            filmstrip(strips, "strips")
