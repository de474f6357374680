"""Saves a sweep as files and opens one again: its plan returns, and a new run is compared with the
old one."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st
from PIL import Image

from sdplay.chain import draft, is_chain, read_chain
from sdplay.compare.axes import Setup, Typed
from sdplay.compare.evidence.findings import dearest
from sdplay.compare.experiment import (
    Experiment,
    Reproduction,
    Told,
    read_experiment,
    same_again,
    write_experiment,
)
from sdplay.compare.exports.animation import MEDIA_TYPES, animate, kinds, ordered
from sdplay.compare.exports.report import report
from sdplay.compare.exports.rows import Measured, csv_text, row
from sdplay.compare.exports.sheet import sheet
from sdplay.compare.plan import Plan
from sdplay.compare.planfile import read_grid, read_plan
from sdplay.compare.results import Result
from sdplay.errors import BadParams
from sdplay.params import Params, differing
from sdplay.sweeps import Sweep
from sdplay.ui import address, session, whole
from sdplay.ui.compare import axes, chains, sweeping
from sdplay.ui.compare.kinds import table, variants
from sdplay.ui.form import form, visit
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio
from sdplay.ui.share import linked

KINDS = ["json", "toml", "csv", "png", "jpg", "webp"]
CHAINS = ("json", "toml")
MOST_MEGABYTES = {"json": 24, "toml": 1, "csv": 4}
"""The most megabytes of a file with a plan, because several copies of its text are held while it is
read."""


def take_away(studio: Studio, sweep: Sweep) -> None:
    """Offers the files of a finished sweep, which are made when somebody asks for them."""
    plan, results = sweep.plan, sweep.results()
    if not any(result.done for result in results.values()):
        return

    def pictures(result: Result) -> Image.Image | None:
        return sweeping.pixels(studio, result)

    def table() -> str:
        rows = [
            row(results[cell.at], _against(studio, sweep, results[cell.at])) for cell in plan.cells
        ]
        return csv_text(rows)

    st.markdown("**Take it away**")
    with st.container(horizontal=True, gap="xsmall"):
        _download(
            "Sheet",
            lambda: sheet(plan, results, pictures).png,
            "sheet.png",
            "image/png",
            ":material/image:",
        )
        _download(
            "Report",
            lambda: report(plan, results, pictures),
            "report.html",
            "text/html",
            ":material/article:",
        )
        _download("Table", table, "results.csv", "text/csv", ":material/table:")
        _download(
            "Experiment",
            lambda: write_experiment(plan, results),
            "experiment.json",
            "application/json",
            ":material/science:",
            "Plan, seeds, versions and hashes: open it to run it again and see whether the "
            "same pictures come out.",
        )
        if any(len(varied.marks) > 1 for varied in plan.varied):
            with st.popover("Animation", icon=":material/animation:"):
                _animation(studio, sweep)


def open_file(studio: Studio) -> None:
    """Reads an experiment, a plan, or a grid of A1111's, into the form."""
    with st.popover(
        "Open",
        icon=":material/folder_open:",
        type="tertiary",
        key="open_file",
        help="Open an experiment, a plan, a chain or a grid",
    ):
        upload = st.file_uploader(
            "Experiment, plan, chain or grid",
            KINDS,
            key="open_plan",
            help="An experiment saved here, a plan or a chain for the command line, or a picture "
            "that A1111 saved as a grid.",
        )
        if upload:
            _offer(studio, upload.name, visit.uploaded(upload))
        with suppress(BadParams):  # said where a picture is asked for
            _offer_draft(studio)


def _offer_draft(studio: Studio) -> None:
    params = form.asked(studio.capabilities)
    st.download_button(
        "Save the form as a chain",
        lambda: draft(params, studio.capabilities),
        "chain.json",
        "application/json",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key="open_draft",
        help="It has every stage that this backend can do. Change it in an editor, then open it.",
    )


def _offer(studio: Studio, name: str, data: bytes) -> None:
    """A chain is followed at once; what varies something goes into the form."""
    kind = _kind(name)
    chained = kind in CHAINS and len(data) <= 2**20 and is_chain(_text(data), kind)
    st.button(
        "Follow the chain" if chained else "Put it into the form",
        type="primary",
        icon=":material/link:" if chained else ":material/input:",
        key="open_take",
        on_click=_follow if chained else _take,
        args=(studio, name, data),
    )


def _follow(studio: Studio, name: str, data: bytes) -> None:
    whole.due()
    with explained():
        stem = name.rpartition(".")[0]
        chains.begin(studio, read_chain(_text(data), _kind(name), stem))


def _take(studio: Studio, name: str, data: bytes) -> None:
    with explained():
        experiment = _read(name, data)
        spec = experiment.spec.settled()
        setup = Setup(spec.backend, spec.params(studio.capabilities.defaults, experiment.images))
        into_form(studio, setup, spec.axes)
        st.session_state["lab_refine"] = spec.refine
        st.session_state["experiment"] = experiment
        st.session_state["experiment_base"] = setup.params
        for note in spec.notes:
            told(note, warn=True)
        whole.note("It is in the form now.", icon=":material/science:")


def edit(studio: Studio, sweep: Sweep) -> None:
    """Puts a sweep's plan back into the form, where it can be changed and continued."""
    with explained():
        into_form(
            studio,
            sweep.plan.base,
            [(varied.axis.id, varied.typed) for varied in sweep.plan.varied],
        )
        st.session_state["lab_refine"] = sweep.plan.refine
        sweeping.edit(sweep)


def into_form(studio: Studio, base: Setup, varied: Sequence[tuple[str, Typed]]) -> None:
    """Puts a plan into the view that fits it: rows of settings, a table with slots, or a grid."""
    rows = [row for name, typed in varied for row in _rows(name, typed)]
    view = "Grid" if not rows else "Variants" if linked.fits_variants(rows) else "Table"
    rest = [(name, typed) for name, typed in varied if not _rows(name, typed)]
    axes.put(
        rest,
        sweeping.bench(False).offer(studio.backend.name),
        axes.PAGES if rows else tuple(linked.PLACES),
    )
    if base.backend in session.labels():
        st.session_state["backend"] = base.backend
    form.use(base.params, "the plan")
    if view == "Variants":
        variants.put(rows)
    elif view == "Table":
        table.put(rows, base.params)
    address.put({"lab": view})
    sweeping.open_plan(studio)


def _rows(name: str, typed: Typed) -> list[Mapping[str, Any]]:
    """The settings of an axis of presets whose settings are written out; empty for other axes and
    for presets with a name."""
    return (
        [row for row in typed if isinstance(row, Mapping)]
        if name == "preset" and not isinstance(typed, str)
        else []
    )


def _kind(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _read(name: str, data: bytes) -> Experiment:
    kind = _kind(name)
    most = MOST_MEGABYTES.get(kind)
    if most and len(data) > most * 2**20:
        raise BadParams(
            f"A {kind.upper()} file of more than {most} MB is not read here. Run it with "
            "python -m sdplay sweep."
        )
    if kind in ("png", "jpg", "jpeg", "webp"):
        return Experiment(read_grid(data))
    text = _text(data)
    return read_experiment(text) if kind == "json" else Experiment(read_plan(text, kind))


def _download(
    label: str, make: Callable[[], str | bytes], name: str, mime: str, icon: str, help: str = ""
) -> None:
    st.download_button(
        label,
        make,
        f"sdplay-{name}",
        mime,
        icon=icon,
        on_click="ignore",
        key=f"take_{name}",
        help=help or None,
    )


def _against(studio: Studio, sweep: Sweep, result: Result) -> Measured | None:
    """A cell compared with the most expensive one."""
    goal = dearest(cell for cell in sweep.results().values() if cell.picture)
    difference = sweeping.measure(studio, goal, result) if goal else None
    return Measured(difference, goal.cell.name) if goal and difference else None


def _animation(studio: Studio, sweep: Sweep) -> None:
    plan = sweep.plan
    long = [at for at, varied in enumerate(plan.varied) if len(varied.marks) > 1]
    along = st.selectbox(
        "Along", long, format_func=lambda at: plan.varied[at].axis.label, key="morph_along"
    )
    kind = st.segmented_control("As", kinds(), default="gif", required=True, key="morph_kind")
    seconds = st.slider("Seconds per picture", 0.05, 2.0, 0.5, 0.05, key="morph_seconds")
    back = st.toggle("There and back", True, key="morph_back")
    labels = st.toggle("Labels", True, key="morph_labels")
    st.caption("Many large pictures are made smaller, so that they have room in one file.")

    def make() -> bytes:
        frames = ordered(
            plan, along, sweep.results(), lambda result: sweeping.pixels(studio, result)
        )
        return animate(frames, kind=str(kind), seconds=seconds, ping_pong=back, labels=labels)

    _download("Save it", make, f"morph.{kind}", MEDIA_TYPES[str(kind)], ":material/animation:")


def reproduction(sweep: Sweep) -> Reproduction | None:
    """A new run compared with the run before it, or with the opened file that has the same
    cells."""
    before = sweep.before or _opened_cells(sweep)
    return same_again(before, sweep.results()) if before else None


def _opened_cells(sweep: Sweep) -> Mapping[tuple[int, ...], Told]:
    """The cells of the opened file, if it is of this plan."""
    experiment: Experiment | None = st.session_state.get("experiment")
    if experiment is None or _changed_since(sweep):
        return {}
    saved, planned = experiment.cells, {cell.at for cell in sweep.plan.cells}
    is_of_it = saved.keys() == planned and all(_names(sweep.plan, at, saved[at]) for at in planned)
    return saved if is_of_it else {}


def _names(plan: Plan, at: tuple[int, ...], cell: Told) -> bool:
    """Whether a saved cell has the labels of this place; older files call a backend by its id."""
    marks = [along.marks[index] for along, index in zip(plan.varied, at, strict=True)]
    return len(cell.labels) == len(marks) and all(
        label in (mark.label, str(mark.value))
        for label, mark in zip(cell.labels, marks, strict=True)
    )


def _changed_since(sweep: Sweep) -> set[str]:
    """The settings shared by all cells that are no longer those of the opened file."""
    opened: Params = st.session_state["experiment_base"]
    varied = {along.axis.id for along in sweep.plan.varied}
    return set(differing(opened, sweep.plan.base.params)) - varied
