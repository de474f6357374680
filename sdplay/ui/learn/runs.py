"""The sweeps of lessons: planned, started and found again, apart from those of Compare."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from sdplay.compare.axes import Setup, axis
from sdplay.compare.plan import Plan, plan
from sdplay.lessons.lesson import Lesson
from sdplay.sharing.room import Share
from sdplay.sweeps import Board, Sweep
from sdplay.ui import session
from sdplay.ui.compare import sweeping
from sdplay.ui.form import form
from sdplay.ui.session import Studio

BUILT_IN = "builtin"


@dataclass(frozen=True)
class Desk:
    """The backend of a lesson's pictures, and their prompt."""

    lesson: Lesson
    backend: str
    prompt: str = ""
    """Empty for the lesson's own prompt."""

    @property
    def setup(self) -> Setup:
        """The settings that all its pictures share."""
        capabilities = sweeping.bench(self.lesson.film).told(self.backend)
        changes = {"prompt": self.prompt} if self.prompt else {}
        return self.lesson.setup(self.backend, capabilities, **changes)


@st.cache_resource(show_spinner=False)
def board() -> Board:
    """The lessons of all browsers, at work or done."""
    return Board()


def desk(studio: Studio, lesson: Lesson) -> Desk:
    """Where this lesson is to be made, as chosen on the page."""
    state = st.session_state
    elsewhere = state.get("lesson_where") == studio.backend.label
    prompt = ""
    if state.get("lesson_own"):
        prompt = form.asked(studio.capabilities).prompt
    return Desk(lesson, studio.backend.name if elsewhere else BUILT_IN, prompt)


def planned(studio: Studio, wanted: Desk) -> Plan:
    """The checked plan of the lesson's pictures. Pictures that the library has cost nothing."""
    facts = sweeping.bench(wanted.lesson.film).facts(
        wanted.backend, studio.library, sweeping.speeds(), owner=studio.owner
    )
    return plan(wanted.setup, wanted.lesson.plan.axes, facts)


def start(studio: Studio, wanted: Desk) -> None:
    """Starts the lesson's pictures unless an earlier click did. Call it from a callback."""
    if running(studio, wanted):
        return
    checked, address = planned(studio, wanted), session.address()
    board().check(Share(studio.owner, address, len(checked.cells)))
    sweep = Sweep(
        checked,
        sweeping.bench(wanted.lesson.film),
        studio.jobs,
        owner=studio.owner,
        address=address,
        speeds=sweeping.speeds(),
    )
    board().add(sweep.start())


def running(studio: Studio, wanted: Desk) -> Sweep | None:
    """The newest sweep that shows this lesson with this backend and prompt."""
    setup = wanted.setup
    axes = [
        (name, [mark.value for mark in axis(name).marks(typed)])
        for name, typed in wanted.lesson.plan.axes
    ]
    matching = (
        sweep
        for sweep in reversed(board().of(studio.owner))
        if sweep.plan.base == setup and _axes(sweep.plan) == axes
    )
    return next(matching, None)


def _axes(checked: Plan) -> list[tuple[str, list[Any]]]:
    return [(along.axis.id, [mark.value for mark in along.marks]) for along in checked.varied]
