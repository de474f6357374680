"""Learn: what each setting does, as a question that a sweep on this very backend answers."""

from dataclasses import dataclass

import streamlit as st

from sdplay.compare.axes import Typed
from sdplay.schedulers import SCHEDULERS
from sdplay.ui import address
from sdplay.ui.compare import axes, sweeping
from sdplay.ui.session import Studio
from sdplay.ui.share import linked


@dataclass(frozen=True)
class Lesson:
    """A question, what to know, what to watch for, and the sweep that shows it."""

    title: str
    icon: str
    text: str
    watch: str
    axes: tuple[tuple[str, Typed], ...]


LESSONS = (
    Lesson(
        "How many steps?",
        "stairs",
        "A picture starts as noise. Each step asks the model what the clean picture may look "
        "like and goes a part "
        "of the way. More steps cost more time, and soon change little.",
        "the first column is vague; find the column after which you see no change.",
        (("steps", "1, 2, 4, 8, 16, 32"),),
    ),
    Lesson(
        "Which scheduler?",
        "route",
        "The scheduler is the route from noise to picture. All ask the same model; some take "
        "smarter strides, and "
        "ancestral ones throw in fresh noise at every step.",
        "most routes end at the same picture; the ancestral one never settles.",
        (
            ("steps", "5, 10, 20, 40"),
            ("scheduler", ("euler", "ddim", "dpmpp_2m_karras", "euler_a")),
        ),
    ),
    Lesson(
        "How much CFG?",
        "tune",
        "CFG pushes the picture away from what the model would paint without your words. 1 pushes "
        "not at all and takes half the time; high values shout.",
        "colours grow louder from left to right, and burn in the end.",
        (("cfg", "1, 1.5, 2.5, 4, 8, 15"),),
    ),
    Lesson(
        "What is a seed?",
        "casino",
        "The seed names the start noise. The same seed with the same settings gives the same "
        "picture again, here "
        "and on every other machine.",
        "same prompt, other pictures. Run it twice: nothing is made anew, because nothing would "
        "differ.",
        (("seed", "1-8"),),
    ),
    Lesson(
        "What does a negative prompt do?",
        "block",
        "It takes the place of the empty prompt that CFG pushes away from. At CFG 1 there is no "
        "push, so it does "
        "nothing.",
        "the last row stays as it is, whatever you forbid.",
        (("negative", "none || red || 3d style || flat style"), ("cfg", "6, 3, 1")),
    ),
    Lesson(
        "Is it the setting, or the seed?",
        "balance",
        "One pair of pictures proves little: another seed may turn the verdict around. Look at "
        "several seeds before "
        "you call one setting better.",
        "the sign test under the grid says whether chance could have done it.",
        (("seed", "1-8"), ("scheduler", ("euler", "dpmpp_2m_karras", "unipc"))),
    ),
)


def show(studio: Studio) -> None:
    """Cards, each a click away from its pictures; then the schedulers in two sentences each."""
    st.subheader("What does each setting do?", anchor=False)
    st.caption(
        "Each lesson is a small fair comparison with your own prompt and backend: one thing "
        "differs, the rest "
        "is locked."
    )
    for start in range(0, len(LESSONS), 3):
        for column, lesson in zip(st.columns(3), LESSONS[start : start + 3], strict=True):
            with column.container(border=True, height="stretch", key=f"lesson_{lesson.icon}"):
                st.markdown(f":material/{lesson.icon}: **{lesson.title}**")
                st.caption(lesson.text)
                st.caption(f":material/visibility: Watch: {lesson.watch}")
                st.space("stretch")
                st.button(
                    "Show me",
                    icon=":material/play_arrow:",
                    key=f"start_{lesson.icon}",
                    on_click=_open,
                    args=(studio, lesson),
                )
    st.subheader("Schedulers", anchor=False)
    entries = [
        SCHEDULERS[name]
        for name in studio.capabilities.schedulers or SCHEDULERS
        if name in SCHEDULERS
    ]
    half = (len(entries) + 1) // 2
    for column, some in zip(
        st.columns(2, gap="large"), (entries[:half], entries[half:]), strict=True
    ):
        for entry in some:
            column.markdown(f"**{entry.label}**  \n:small[:gray[{entry.about}]]")


def _open(studio: Studio, lesson: Lesson) -> None:
    """The lesson's axes into the comparison lab, which runs them at once."""
    axes.put(lesson.axes, sweeping.bench(False).offer(studio.backend.name), tuple(linked.PLACES))
    address.put({"lab": "Grid"})
    st.session_state.update(view="Compare", lab_go=True)
