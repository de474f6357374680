"""What the sketching of a visit holds between two runs of the page."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import streamlit as st

from sdplay.engine.framing import Size
from sdplay.errors import BadParams
from sdplay.jobs import Job
from sdplay.params import Params
from sdplay.ui import session
from sdplay.ui.components.canvas import UNKNOWN, Backdrop, Sketched
from sdplay.ui.form import form
from sdplay.ui.session import Studio
from sdplay.ui.sketch.closeness import shows_nothing
from sdplay.ui.sketch.live import Live

T = TypeVar("T")
TOO_LARGE = "This drawing is too large to be sent. Choose a smaller size."
NOTHING = "Nothing is drawn yet. Draw something, or choose a background, and ask again."


@dataclass
class Sitting:
    """The newest drawing, its pictures, and what this run is asked for."""

    visit: str = field(default_factory=lambda: uuid4().hex)
    """Names this sitting: after a restart of the server the browser meets another one."""
    live: Live = field(default_factory=Live)
    drawing: Sketched | None = None
    backdrop: Backdrop | None = None
    """The picture to put under the drawing, until the browser has taken it."""
    mask: Sketched | None = None
    """The newest mask, over the original that it names."""
    original: Backdrop | None = None
    """The picture that a mask is painted on."""
    backdrop_refusal: str = ""
    backdrop_note: str = ""
    drawing_coming: int = 0
    """The number of the newest drawing that the browser has begun to send."""
    mask_coming: int = 0
    refusal: str = ""
    """Why the last wish was not granted."""
    unheard: bool = False
    """Whether it was refused before the browser had told of what is drawn there already."""
    asked: bool = False
    """Whether a picture of the drawing is wished for."""
    by_stroke: bool = False
    latest_form: Params | None = None
    """The form as it was when the whole page was last drawn; None if it could not be used."""
    settings: Params | None = None
    """The form as it could be used last."""

    findings: dict[str, tuple[object, Any]] = field(default_factory=dict)
    """What was found out, by its name, and of which thing."""

    def once(self, name: str, thing: object, find_out: Callable[[], T]) -> T:
        """What there is to find out about this thing. It takes time only once, because a large
        picture is slow to open."""
        if name not in self.findings or self.findings[name][0] is not thing:
            self.findings[name] = thing, find_out()
        finding: T = self.findings[name][1]
        return finding

    def wish(self, by_stroke: bool) -> None:
        """Asks for a picture in this run, once the form can be read."""
        self.asked, self.by_stroke = True, by_stroke

    def awaits(self, masking: bool, frame: Size) -> bool:
        """Whether the newest drawing is still on its way from the browser, which sends it anew for
        another size or original."""
        came, number = (
            (self.mask, self.mask_coming) if masking else (self.drawing, self.drawing_coming)
        )
        if came is None:
            return number > 0
        on_another = masking and self.original and came.background != self.original.id
        of_another_size = bool(came.data) and came.size not in (UNKNOWN, frame)
        return number > came.number or bool(on_another) or of_another_size

    def follow(self, came: Sketched) -> None:
        """Called with a drawing or mask that has arrived. A wish that came before it is granted
        now. With live pictures on, it wishes for a picture of what was changed, except of an empty
        sheet."""
        unheard = self.unheard
        self.forget_refusal()
        if came.changed:
            self._follow_change(came)
        elif unheard and came.data:
            self.wish(by_stroke=False)

    def _follow_change(self, came: Sketched) -> None:
        if not st.session_state.get("live"):
            return
        if came.data:
            self.wish(by_stroke=True)
        else:
            self.live.stop()

    def again(self) -> None:
        """Called after a setting of the canvas has changed. With live pictures on, the picture is
        made anew."""
        if st.session_state.get("live"):
            self.wish(by_stroke=False)

    def follow_form(self, settings: Params | None) -> None:
        """Called with the form's settings, or None if they cannot be used. If they have changed and
        live pictures are on, the picture is made anew."""
        if settings != self.latest_form:
            self.forget_refusal()
        self.latest_form = settings
        if settings is None:
            return
        before, self.settings = self.settings, settings
        is_drawn = any(came and came.data for came in (self.drawing, self.mask))
        if is_drawn and before not in (None, settings):
            self.again()

    def forget_refusal(self) -> None:
        """Called after something has changed, so that a refusal from before is true no longer."""
        self.refusal, self.unheard = "", False

    def shown(self) -> bytes:
        """The drawing as a file. If it is empty, an error says so in a sentence."""
        if self.drawing and self.drawing.too_large:
            raise BadParams(TOO_LARGE)
        data = self.drawing.data if self.drawing else b""
        if not data or self.once("nothing", data, partial(shows_nothing, data)):
            raise BadParams(NOTHING)
        return data

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
