"""Five steps to a picture of one's own: explore, fix the seed, change less, enlarge, upscale; each
is one click."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from sdplay.errors import BadParams
from sdplay.library import SavedPicture
from sdplay.ui import address, session
from sdplay.ui.compare import axes, sweeping
from sdplay.ui.form import form, start_image
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked

EXPLORED = 8
"""How many pictures the first step makes."""
LARGER = 1.5
LITTLE = 0.4
"""A strength that keeps the content of a picture and adds detail."""
STEP = "lesson_path_step"
CFG_VALUES = "1, 2, 3, 5, 8"


@dataclass(frozen=True)
class PathStep:
    """One of the five steps."""

    title: str
    text: str
    label: str
    act: Callable[[Studio], None]
    needs_picture: bool = False
    feature: str = ""
    """The feature that the backend must have for it."""


def show(studio: Studio) -> None:
    """The five steps side by side, with the next one marked."""
    has_picture = bool(studio.library.recent(studio.owner, 1))
    is_begun = has_picture or any(job.active for job in studio.jobs.of(studio.owner))
    at = int(st.session_state.get(STEP, 0)) if is_begun else 0
    st.markdown("**A picture of your own, in five steps**")
    with st.container(key="lesson_path"):
        for number, (stage, column) in enumerate(
            zip(STAGES, st.columns(len(STAGES), gap="small"), strict=True)
        ):
            with column.container(border=True, height="stretch", gap="xsmall"):
                mark = ":material/check:" if number < at else f"{number + 1}"
                st.markdown(f"**{mark} {stage.title}**")
                st.caption(_text(stage, studio))
                st.space("stretch")
                offered = studio.capabilities.offers(stage.feature)
                st.button(
                    stage.label,
                    key=f"path_{number}",
                    type="primary" if number == at else "secondary",
                    width="stretch",
                    disabled=not offered or (stage.needs_picture and not has_picture),
                    on_click=_do,
                    args=(studio, number),
                )


def _text(stage: PathStep, studio: Studio) -> str:
    if studio.capabilities.offers(stage.feature):
        return stage.text
    return f"{stage.text} This backend cannot; another one can."


def _do(studio: Studio, number: int) -> None:
    with explained():
        STAGES[number].act(studio)
        st.session_state[STEP] = number + 1


def _explore(studio: Studio) -> None:
    address.put({"count": EXPLORED})
    session.want(EXPLORED)
    st.session_state["view"] = "Generate"


def _choose(studio: Studio) -> None:
    st.session_state["view"] = "Library"


def _reduce(studio: Studio) -> None:
    offer = sweeping.bench(False).offer(studio.backend.name)
    axes.put([("cfg", CFG_VALUES)], offer, tuple(linked.PLACES))
    address.put({"lab": "Grid"})
    st.session_state.update(view="Compare", lab_go=True)


def _enlarge(studio: Studio) -> None:
    """Makes the newest picture the start image of a larger one."""
    newest = _newest(studio)
    sides = {
        name: _fitted(studio, LARGER * getattr(newest.params, name)) for name in ("width", "height")
    }
    form.use(newest.params.with_(**sides, init=b"", mask=b"", strength=LITTLE))
    start_image.hold(studio.library.data(newest), picture=newest.id)
    address.put({"count": 1})
    session.want(1)
    st.session_state["view"] = "Generate"


def _newest(studio: Studio) -> SavedPicture:
    """The newest picture; None if it was deleted after the page was drawn."""
    newest = studio.library.recent(studio.owner, 1)
    if not newest:
        raise BadParams("Your library is empty now. Begin with the first step: make some pictures.")
    return newest[0]


def _fitted(studio: Studio, side: float) -> int:
    """The nearest size that this backend can make."""
    low, high = studio.capabilities.size_limits
    step = studio.capabilities.size_step
    return int(max(low, min(high, round(side / step) * step)))


def _upscale(studio: Studio) -> None:
    """Opens the newest picture's details, where Enlarge is."""
    newest = _newest(studio)
    address.rewrite({"picture": newest.id})
    st.session_state["view"] = "Library"


STAGES = (
    PathStep(
        "Explore",
        "Your prompt with eight seeds: see what the model makes of it.",
        f"Make {EXPLORED} pictures",
        _explore,
    ),
    PathStep(
        "Fix the seed",
        "Click the picture you like best; *Use these settings* brings its seed into the form.",
        "Choose one",
        _choose,
        needs_picture=True,
    ),
    PathStep(
        "Reduce change",
        "The seed stays, and one thing varies: here the CFG scale.",
        "Vary one thing",
        _reduce,
        feature="cfg",
    ),
    PathStep(
        "Enlarge",
        "Start from it at one and a half times the size, with a strength of 0.4: it gains detail "
        "and stays itself.",
        "Start from the newest",
        _enlarge,
        needs_picture=True,
        feature="img2img",
    ),
    PathStep(
        "Upscale",
        "An upscaler adds pixels, no ideas: *Enlarge* in the picture's drawer.",
        "Open the newest",
        _upscale,
        needs_picture=True,
        feature="upscale",
    ),
)
