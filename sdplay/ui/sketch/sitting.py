"""What a visit's sketching holds between two runs of the page."""

from copy import copy
from dataclasses import dataclass, field

import streamlit as st

from sdplay.errors import BadParams
from sdplay.jobs import Job
from sdplay.params import Control, Params
from sdplay.ui import session
from sdplay.ui.components.canvas import Backdrop, Sketched
from sdplay.ui.form import form
from sdplay.ui.session import Studio
from sdplay.ui.sketch.closeness import shows_nothing
from sdplay.ui.sketch.live import Live

TOO_LARGE = "This drawing is too large to be sent. Choose a smaller size."
NOTHING = "Nothing is drawn yet. Draw something, or choose a background, and ask again."


@dataclass
class Sitting:
    """The drawing as it came last, its pictures, and what is wished for in this run."""

    live: Live = field(default_factory=Live)
    drawing: Sketched | None = None
    backdrop: Backdrop | None = None
    """Until the browser has taken it."""
    mask: Sketched | None = None
    """The mask as it came last, over the original that it names."""
    original: Backdrop | None = None
    """What a mask is painted over."""
    guide: Control | None = None
    """How the drawing steers a picture, as it was set last."""
    backdrop_refusal: str = ""
    backdrop_note: str = ""
    drawing_coming: int = 0
    """The number of the newest drawing that the browser has begun to send."""
    mask_coming: int = 0
    refusal: str = ""
    """Why the last wish was not granted."""
    asked: bool = False
    """A picture of the drawing is wished for."""
    by_stroke: bool = False
    settings: Params | None = None
    """The form as it was when the whole page was drawn last."""

    def wish(self, by_stroke: bool) -> None:
        """Ask for a picture in this run, once the form can be read."""
        self.asked, self.by_stroke = True, by_stroke

    def awaits(self, masking: bool) -> bool:
        """Whether what was drawn last is still on its way here."""
        came, number = (
            (self.mask, self.mask_coming) if masking else (self.drawing, self.drawing_coming)
        )
        return number > (came.number if came else 0)

    def follow(self, live: bool) -> None:
        """The drawing has changed: live, its picture is wished for, and of an empty sheet none."""
        self.refusal = ""
        if live and self.drawing and self.drawing.data:
            self.wish(by_stroke=True)
        elif live:
            self.live.stop()

    def again(self) -> None:
        """A setting has changed: live, the picture is made anew."""
        if st.session_state.get("live"):
            self.wish(by_stroke=False)

    def follow_form(self, settings: Params) -> None:
        """Another prompt or setting: live, what is drawn already is made anew."""
        before, self.settings = self.settings, settings
        is_drawn = any(came and came.data for came in (self.drawing, self.mask))
        if is_drawn and before not in (None, settings):
            self.again()

    def shown(self) -> bytes:
        """The drawing as a file; a sentence while it shows nothing."""
        if self.drawing and self.drawing.too_large:
            raise BadParams(TOO_LARGE)
        if self.drawing is None or not self.drawing.data or shows_nothing(self.drawing.data):
            raise BadParams(NOTHING)
        return self.drawing.data

    def params(self, studio: Studio) -> Params:
        """The form's settings, with the drawing to start from."""
        drawing = self.shown()
        strength = float(st.session_state["sketch_strength"])
        settings = form.asked(studio.capabilities)
        return settings.with_(init=drawing, mask=b"", strength=strength)


@dataclass(frozen=True)
class PageJobs:
    """The page's jobs, as the live pictures use them."""

    studio: Studio

    def submit(self, params: Params) -> Job:
        studio = self.studio
        return studio.jobs.submit(
            params,
            copy(studio.backend),
            studio.owner,
            at_once=studio.capabilities.at_once,
            address=session.address(),
        )

    def forget(self, job: Job) -> None:
        self.studio.jobs.forget(job)


def sitting() -> Sitting:
    """This visit's."""
    held: Sitting = st.session_state.setdefault("sketch_sitting", Sitting())
    return held
