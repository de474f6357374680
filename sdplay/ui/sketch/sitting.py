"""What the sketching of a visit holds between two runs of the page."""

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
    """The newest drawing, its pictures, and what this run is asked for."""

    live: Live = field(default_factory=Live)
    drawing: Sketched | None = None
    backdrop: Backdrop | None = None
    """The picture to put under the drawing, until the browser has taken it."""
    mask: Sketched | None = None
    """The newest mask, over the original that it names."""
    original: Backdrop | None = None
    """The picture that a mask is painted on."""
    guide: Control | None = None
    """The latest settings for the drawing as a guide."""
    backdrop_refusal: str = ""
    backdrop_note: str = ""
    drawing_coming: int = 0
    """The number of the newest drawing that the browser has begun to send."""
    mask_coming: int = 0
    refusal: str = ""
    """Why the last wish was not granted."""
    asked: bool = False
    """Whether a picture of the drawing is wished for."""
    by_stroke: bool = False
    settings: Params | None = None
    """The form as it was when the whole page was last drawn."""

    def wish(self, by_stroke: bool) -> None:
        """Asks for a picture in this run, once the form can be read."""
        self.asked, self.by_stroke = True, by_stroke

    def awaits(self, masking: bool) -> bool:
        """Whether the newest drawing is still on its way from the browser."""
        came, number = (
            (self.mask, self.mask_coming) if masking else (self.drawing, self.drawing_coming)
        )
        return number > (came.number if came else 0)

    def follow(self, live: bool) -> None:
        """Called after the drawing has changed. With live pictures on it wishes for a picture,
        except of an empty sheet."""
        self.refusal = ""
        if live and self.drawing and self.drawing.data:
            self.wish(by_stroke=True)
        elif live:
            self.live.stop()

    def again(self) -> None:
        """Called after a setting of the canvas has changed. With live pictures on, the picture is
        made anew."""
        if st.session_state.get("live"):
            self.wish(by_stroke=False)

    def follow_form(self, settings: Params) -> None:
        """Called after the prompt or another setting has changed. With live pictures on, the
        picture is made anew."""
        before, self.settings = self.settings, settings
        is_drawn = any(came and came.data for came in (self.drawing, self.mask))
        if is_drawn and before not in (None, settings):
            self.again()

    def shown(self) -> bytes:
        """The drawing as a file. If it is empty, an error says so in a sentence."""
        if self.drawing and self.drawing.too_large:
            raise BadParams(TOO_LARGE)
        if self.drawing is None or not self.drawing.data or shows_nothing(self.drawing.data):
            raise BadParams(NOTHING)
        return self.drawing.data

    def params(self, studio: Studio) -> Params:
        """The form's settings, with the drawing as the start image."""
        drawing = self.shown()
        strength = float(st.session_state["sketch_strength"])
        settings = form.asked(studio.capabilities)
        return settings.with_(init=drawing, mask=b"", strength=strength)


@dataclass(frozen=True)
class PageJobs:
    """Gives the live pictures access to the page's jobs."""

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
    """The sitting of this visit."""
    held: Sitting = st.session_state.setdefault("sketch_sitting", Sitting())
    return held
