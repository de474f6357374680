"""Sketch: the drawing on the left, and the picture that follows it on the right."""

import time
from collections.abc import Callable
from functools import partial

import streamlit as st

from sdplay.errors import BadParams, PlayError
from sdplay.files.decode import NotAPicture
from sdplay.params import KNOBS, Params
from sdplay.picture import jpeg_bytes
from sdplay.ui import waiting, whole
from sdplay.ui.components.canvas import Pad, canvas, coming, drawn
from sdplay.ui.components.outcome import Outcome, outcome
from sdplay.ui.form import form, local_card
from sdplay.ui.form.payload import payload
from sdplay.ui.picture.inline import source
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.ui.sketch import backdrop, closeness, film, guide, inpaint, mode, purpose
from sdplay.ui.sketch.live import Rendering
from sdplay.ui.sketch.sitting import PageJobs, Sitting, sitting
from sdplay.wording import literal

PAD = "sketch_pad"
QUICK_SECONDS = 0.5
"""A picture that takes no longer than this is shown by the run that asked for it."""
SOON_SECONDS = 0.25
PATIENCE_SECONDS = 10.0
NEWS_SECONDS = 1.0
GLANCE_SECONDS = 0.04
LARGEST_INSIDE = 2_000_000
"""The most bytes of a picture that is sent to the browser unchanged."""


def show(studio: Studio) -> None:
    """Shows the prompt in one line, then the drawing with its picture beside it."""
    can_begin = studio.capabilities.offers("img2img")
    with st.container(horizontal=True, vertical_alignment="center", key="sketch_card"):
        if can_begin:
            mode.choose(studio, sitting().forget_refusal)
        with st.container(gap="small"):
            form.prompts(studio.capabilities)
    if can_begin:
        _both(studio)
    else:
        st.info(_why_not(studio), icon=":material/draw:")


def _why_not(studio: Studio) -> str:
    """Why this backend cannot make a picture of a drawing, and what to do."""
    label, capabilities = literal(studio.backend.label), studio.capabilities
    if capabilities.status in ("ready", "busy"):
        return (
            f"{label} cannot start from a picture, so no drawing can become one. Choose another "
            "backend."
        )
    return f"{label} is not ready, so nothing can be drawn yet. {literal(capabilities.message)}"


def _both(studio: Studio) -> None:
    seat, desk, inline = sitting(), PageJobs(studio), True
    aim = mode.chosen(studio)
    seat.follow_form(_settings_of(studio))

    @whole.fragment(every=SOON_SECONDS if seat.live.busy or seat.asked else None, key="sketch")
    def sketch() -> None:
        nonlocal inline
        alone, inline = not inline, False
        left, right = st.columns(2, gap="medium")
        with left:
            if aim == "mask":
                inpaint.sheet(studio, seat)
            else:
                _sheet(studio, seat)
            tools = st.container(horizontal=True, vertical_alignment="center", gap="small")
        _grant(studio, seat)  # what the sheet lies on is known from here on
        seat.live.advance(desk)
        with right:
            draw = _results(studio, seat, aim)
        if alone:
            _wait(QUICK_SECONDS, seat, desk)
        draw()
        with tools:
            if aim != "mask":
                backdrop.choose(studio, seat)
            film.offer(studio, seat)
        if alone and seat.live.busy:
            _keep_waiting(seat, desk)
        elif alone:
            waiting.tick_every(SOON_SECONDS if seat.asked else None)

    sketch()


def _settings_of(studio: Studio) -> Params | None:
    """The form's settings; None if they cannot be used, which is said where a picture is asked
    for."""
    try:
        return form.asked(studio.capabilities)
    except BadParams:
        return None


def _sheet(studio: Studio, seat: Sitting) -> None:
    sheet = Pad("sketch", *form.frame_of(studio.capabilities), seat.backdrop, visit=seat.visit)
    canvas(sheet, PAD, partial(_drawn, seat), partial(_coming, seat))


def _coming(seat: Sitting) -> None:
    """Called when the browser begins to send a drawing."""
    seat.drawing_coming = coming(PAD)


def _drawn(seat: Sitting) -> None:
    """Called when a drawing has arrived."""
    try:
        seat.drawing = drawn(PAD)
    except NotAPicture as error:
        seat.refusal = f"The drawing that came {error}. Reload the page and try again."
        return
    if seat.backdrop and seat.drawing.background == seat.backdrop.id:
        seat.backdrop = None
    seat.follow(seat.drawing)


def _grant(studio: Studio, seat: Sitting) -> None:
    """Asks for the wished picture once its drawing is here, or says why that cannot be. If the run
    is cut short, the next one grants the wish."""
    masking = mode.chosen(studio) == "mask"
    if not seat.asked or seat.awaits(masking, form.frame_of(studio.capabilities)):
        return
    came = seat.mask if masking else seat.drawing
    try:
        params = purpose.params(studio, seat)
        if params.mask:
            inpaint.keep_its_original(studio, params)
    except PlayError as error:
        seat.refusal, seat.unheard = str(error), came is None
    else:
        seat.forget_refusal()
        seat.live.ask(params, came.number if came else 0, seat.by_stroke)
    seat.asked = False


def _strength(seat: Sitting) -> None:
    knob = KNOBS["strength"]
    st.slider(
        "Strength",
        value=0.65,
        step=0.05,
        **linked.bound("sketch_strength"),
        on_change=seat.again,
        help=f"{knob.help} Too low returns the drawing, too high forgets it.",
    )


def _settings(studio: Studio, seat: Sitting, aim: str) -> None:
    """The settings for this use of the canvas, or what is missing for it."""
    if hint := mode.missing(studio, aim):
        st.info(hint, icon=":material/extension:")
    elif aim == "guide":
        guide.settings(studio, seat)
    elif aim == "mask" and studio.capabilities.offers(KNOBS["mask_blur"].needs):
        strength, softness = st.columns(2, gap="small")
        with strength:
            _strength(seat)
        with softness:
            inpaint.soften(seat)
    else:
        _strength(seat)


def _results(studio: Studio, seat: Sitting, aim: str) -> Callable[[], None]:
    """Everything on the right side. The returned function draws the picture in its place."""
    _settings(studio, seat, aim)
    lacks = bool(mode.missing(studio, aim))
    picture, words = st.container(), st.container()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.toggle(
            "Live",
            **linked.bound("live"),
            on_change=_switch,
            args=(seat,),
            help="Every finished stroke asks for a picture, with the same seed.",
        )
        if st.button(
            "Request",
            icon=":material/data_object:",
            type="tertiary",
            key="sketch_request",
            disabled=lacks,
            help="See and edit the exact JSON before it goes.",
        ):
            payload(studio, partial(purpose.params, studio, seat))
        st.space("stretch")
        way_out = st.container(width="content")
        st.button(
            "Inpaint" if aim == "mask" else "Generate from sketch",
            icon=":material/auto_awesome:",
            type="primary",
            key="sketch_go",
            disabled=lacks or local_card.unready(studio.backend.name, studio.capabilities),
            on_click=seat.wish,
            args=(False,),
        )

    def draw() -> None:
        with picture, explained():
            outcome(_look(studio, seat), key="sketch_outcome")
        with words:
            _say(studio, seat)
            _details(seat)
        if seat.live.busy:
            way_out.button(
                "Cancel",
                icon=":material/stop_circle:",
                type="tertiary",
                key="sketch_cancel",
                on_click=seat.live.stop,
            )

    return draw


def _switch(seat: Sitting) -> None:
    """The switch for live pictures. Switching it on asks at once for a picture of what is drawn
    already."""
    if not st.session_state["live"]:
        seat.asked = False
        seat.live.stop()
    elif any(came and came.data for came in (seat.drawing, seat.mask)):
        seat.wish(by_stroke=False)


def _look(studio: Studio, seat: Sitting) -> Outcome:
    width, height = form.frame_of(studio.capabilities)
    answer, live = seat.live.answer, seat.live
    working = live.busy or seat.asked
    said = _standing(seat) if working else _age(studio, seat) if answer else ""
    if answer is None:
        return Outcome(
            width, height, said=said, empty="Your picture appears here.", working=working
        )
    params = answer.picture.params
    return Outcome(
        width,
        height,
        answer.request.turn,
        answer.request.stroke,
        seat.once("source", answer, lambda: source(_inside(studio, answer))),
        f"Result: {params.prompt or 'no prompt'}, strength {params.strength:g}",
        said,
        working=working,
        timed=answer.request.timed,
    )


def _age(studio: Studio, seat: Sitting) -> str:
    return "Up to date" if purpose.is_met(studio, seat) else "Made before your last change"


def _standing(seat: Sitting) -> str:
    if seat.asked:
        return "The drawing is on its way"
    now = seat.live.progress
    if now and now.step:
        return f"Step {now.step} of {now.steps}"
    return (now and now.message) or "Drawing the picture"


def _inside(studio: Studio, answer: Rendering) -> bytes:
    """The picture as an address inside the page: its own bytes, unless there are too many."""
    data = studio.library.data(answer.picture)
    if len(data) <= LARGEST_INSIDE:
        return data
    from sdplay import metadata

    return jpeg_bytes(metadata.decoded(data), longest=1536, quality=90)


def _say(studio: Studio, seat: Sitting) -> None:
    """Says what went wrong, and whether strength suits the drawing."""
    for sentence in (seat.refusal, seat.live.trouble):
        if sentence:
            told(sentence, warn=True)
    answer = seat.live.answer
    if answer is None or seat.live.busy or not _is_img2img(answer):
        return
    with explained():
        params: Params = answer.request.params
        apart = seat.once("distance", answer, lambda: _distance(studio, answer))
        if sentence := closeness.advice(apart, params.strength):
            st.caption(literal(sentence))


def _distance(studio: Studio, answer: Rendering) -> float:
    return closeness.distance(answer.request.params.init, studio.library.data(answer.picture))


def _is_img2img(answer: Rendering) -> bool:
    """Whether the picture began with the drawing, and with all of it."""
    params = answer.request.params
    return bool(params.init and not params.mask and not params.control)


def _details(seat: Sitting) -> None:
    """Leads to the picture's receipt, and to what else can be made of it."""
    answer = seat.live.answer
    if answer and st.button(
        "Details",
        icon=":material/receipt_long:",
        type="tertiary",
        key="sketch_details",
        help="The picture large, with its receipt: asked, sent, applied.",
    ):
        from sdplay.ui.picture.details import details

        details(answer.picture.id)


def _wait(seconds: float, seat: Sitting, desk: PageJobs) -> bool:
    """Waits until nothing is at work, at most so many seconds, and returns whether another run was
    asked for."""
    until = time.monotonic() + seconds
    while seat.live.busy and time.monotonic() < until:
        seat.live.rest(GLANCE_SECONDS)
        if seat.live.advance(desk):
            return False
        if waiting.interrupted():
            return True
    return False


def _keep_waiting(seat: Sitting, desk: PageJobs) -> None:
    """For a picture that takes long: runs again as soon as it is there, and now and then to show
    its step."""
    waiting.tick_every(PATIENCE_SECONDS)
    if _wait(NEWS_SECONDS, seat, desk):
        waiting.tick_every(SOON_SECONDS)
    else:
        st.rerun(scope="fragment")
