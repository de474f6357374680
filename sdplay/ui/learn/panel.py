"""Learn: one lesson on one screen (predict, run, look, explain), and the way to all others."""

from datetime import UTC, datetime

import streamlit as st
from streamlit.material_icon_names import ALL_MATERIAL_ICONS

from sdplay.errors import BadParams
from sdplay.lessons import shelf
from sdplay.lessons.lesson import Lesson
from sdplay.lessons.record import MOST_LETTERS, Answered
from sdplay.sweeps import Sweep
from sdplay.ui import address, whole
from sdplay.ui.compare import experiments
from sdplay.ui.learn import classroom, diary, path, pictures, runs
from sdplay.ui.learn.runs import Desk
from sdplay.ui.picture import inline
from sdplay.ui.problems import explained, text_of_others
from sdplay.ui.session import Studio
from sdplay.wording import literal, many

POLL_SECONDS = 0.5
CARD_WIDTH = 165
"""The least pixels of a card: ten of them stand in two rows, and in pairs on a phone."""
LESSON = "lesson"
"""The address's name for the open lesson."""


def show(studio: Studio) -> None:
    """Shows the open lesson, its tools for a class, and cards for the others."""
    lessons = _lessons()
    lesson = lessons[_open_name(lessons)]
    names = list(lessons)
    number = names.index(lesson.id)
    _head(lesson, names, number)
    st.markdown(text_of_others(lesson.question, 400))
    with explained(), st.container(key="lesson_board"):
        text, room = st.columns([5, 11], gap="medium")
        with text:
            _lesson(studio, lesson, room, names[(number + 1) % len(names)])
    _cards(list(lessons.values()), lesson)
    with explained():
        classroom.tools(studio, list(lessons.values()), lesson)
        path.show(studio)
    diary.keep()


def _lessons() -> dict[str, Lesson]:
    """All lessons by name: those of the course, the owner's, and the one from a link."""
    own, sentences = shelf.own()
    for sentence in sentences:
        st.warning(literal(sentence), icon=":material/info:")
    lessons = {lesson.id: lesson for lesson in (*shelf.course(), *own)}
    name = st.query_params.get(LESSON, "")
    if shelf.is_address(name):
        lesson, problem = _brought(name)
        if lesson:
            lessons = {lesson.id: lesson, **lessons}
        else:
            st.warning(literal(problem), icon=":material/info:")
            st.button(
                "Try again",
                icon=":material/refresh:",
                key="lesson_retry",
                on_click=_brought.clear,
                args=(name,),
            )
    elif name and name not in lessons:
        st.warning(
            f"There is no lesson called {literal(name[:60])}. Choose one below.",
            icon=":material/info:",
        )
    return lessons


@st.cache_data(show_spinner="Reading the lesson", max_entries=50, ttl=600)
def _brought(url: str) -> tuple[Lesson | None, str]:
    """The lesson at an address, or the sentence that says why there is none."""
    try:
        return shelf.from_address(url), ""
    except BadParams as error:
        return None, str(error)


def _open_name(lessons: dict[str, Lesson]) -> str:
    name = st.query_params.get(LESSON, "")
    if name in lessons:
        return name
    done = diary.now().predictions
    return next((name for name in lessons if name not in done), next(iter(lessons)))


def _go(name: str) -> None:
    """Opens a lesson. Call it from a callback."""
    address.rewrite({LESSON: name})


def _head(lesson: Lesson, names: list[str], number: int) -> None:
    """The title with its position in the course, and buttons to the next and the previous
    lesson."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(text_of_others(lesson.title, 80), anchor=False, width="content")
        st.caption(f"Lesson {number + 1} of {len(names)}", width="content")
        st.space("stretch")
        for label, icon, to in (
            ("Lesson before", "arrow_back", number - 1),
            ("Next lesson", "arrow_forward", number + 1),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                type="tertiary",
                key=f"lesson_{icon}",
                on_click=_go,
                args=(names[to % len(names)],),
            )


def _lesson(
    studio: Studio, lesson: Lesson, room: st.delta_generator.DeltaGenerator, after: str
) -> None:
    """The prediction or the answer on the left, the pictures on the right."""
    desk = runs.desk(studio, lesson)
    sweep = runs.running(studio, desk)
    if sweep is None:
        _predict(studio, desk)
        with room:
            _empty(lesson)
        return
    with room:
        _watch(studio, lesson, sweep)
    _answer(studio, desk, sweep, after)


def _predict(studio: Studio, desk: Desk) -> None:
    """Asks for a prediction and a short reason, and offers the button that runs the lesson."""
    lesson, answered = desk.lesson, diary.now().predictions.get(desk.lesson.id)
    chosen = st.radio(
        "Your prediction",
        range(len(lesson.choices)),
        index=answered.choice if answered and 0 <= answered.choice < len(lesson.choices) else None,
        key=f"predict_{lesson.id}",
        format_func=lambda at: text_of_others(lesson.choices[at], 160),
    )
    reason = st.text_input(
        "Because … (a few words)",
        answered.reason if answered else "",
        key=f"reason_{lesson.id}",
        max_chars=MOST_LETTERS,
        placeholder="What makes you think so?",
    )
    _where(studio)
    _own_prompt(desk)
    planned = runs.planned(studio, desk)
    pictures_to_make = many(planned.pictures, "picture")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Run {pictures_to_make}" if planned.pictures else "Show the pictures",
            icon=":material/play_arrow:",
            type="primary",
            key="lesson_run",
            disabled=chosen is None,
            on_click=_run,
            args=(studio, desk, chosen, reason),
        )
        st.caption(
            "Predict first: a surprise teaches more." if chosen is None else planned.sentence
        )


def _where(studio: Studio) -> None:
    """Asks whether the built-in model or the form's backend runs the lesson, and with which
    prompt."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if studio.backend.name != runs.BUILT_IN:
            st.segmented_control(
                "Where",
                ("Built-in model", studio.backend.label),
                default="Built-in model",
                required=True,
                key="lesson_where",
                label_visibility="collapsed",
            )
        st.toggle(
            "With my own prompt",
            key="lesson_own",
            help="The prompt of the form in place of the lesson's.",
        )


def _own_prompt(desk: Desk) -> None:
    """The prompt that replaces the lesson's, if that was chosen."""
    if not st.session_state.get("lesson_own"):
        return
    if desk.prompt:
        st.caption(f"Your prompt: {text_of_others(desk.prompt, 160)}")
    else:
        st.caption("Your prompt is empty, so the lesson's own is used. Write one in Generate.")


def _run(studio: Studio, desk: Desk, chosen: int, reason: str) -> None:
    _go(desk.lesson.id)  # it stays open, though it is no longer the first that is not done
    with explained():
        runs.start(studio, desk)
        answered = diary.now().predictions.get(desk.lesson.id)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        sentence = answered.sentence if answered else ""
        diary.say(desk.lesson.id, Answered(chosen, reason.strip(), sentence, moment))


def _empty(lesson: Lesson) -> None:
    """A placeholder for the pictures."""
    with st.container(
        border=True,
        height=420,
        horizontal_alignment="center",
        vertical_alignment="center",
        key="lesson_empty",
    ):
        if lesson.start:
            inline.picture(pictures.start_jpeg(lesson), "The start image", width=220)
        else:
            icon = lesson.icon if lesson.icon in ALL_MATERIAL_ICONS else "school"
            st.subheader(f":material/{icon}:", anchor=False, text_alignment="center")
        st.caption(
            "Say what you expect, then run it: the pictures appear here.", text_alignment="center"
        )


def _watch(studio: Studio, lesson: Lesson, sweep: Sweep) -> None:
    """Shows the pictures as they come, and below them what to look at once all are there."""
    moving = sweep.moving

    @whole.fragment(every=POLL_SECONDS if moving else None)
    def view() -> None:
        with explained():
            pictures.wall(studio, lesson, sweep)
        if moving:
            st.progress(sweep.fraction, text=sweep.standing)
        if moving != sweep.moving:
            st.rerun()

    view()
    if not sweep.running:
        pictures.legend(lesson)


def _answer(studio: Studio, desk: Desk, sweep: Sweep, after: str) -> None:
    """Shows the prediction, the answer, what to look at, and a field for a sentence of one's
    own."""
    lesson = desk.lesson
    answered = diary.now().predictions.get(lesson.id)
    if sweep.running:
        if answered:
            st.caption(f"You predicted: {_choice(lesson, answered.choice)}")
        st.button(
            "Cancel", icon=":material/stop_circle:", key="lesson_cancel", on_click=sweep.cancel
        )
        return
    if sweep.trouble:
        st.warning(literal(sweep.trouble), icon=":material/pause_circle:")
    _verdict(lesson, answered)
    st.markdown(text_of_others(lesson.answer, 700))
    st.caption(_measured(lesson))
    st.text_input(
        text_of_others(lesson.reflect, 300),
        answered.sentence if answered else "",
        key=f"sentence_{lesson.id}",
        max_chars=MOST_LETTERS,
        placeholder="One sentence of yours",
        on_change=_explain,
        args=(lesson.id,),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.button(
            "Next lesson",
            type="primary",
            key="lesson_next",
            on_click=_go,
            args=(after,),
        )
        st.button(
            "Open in Compare",
            key="lesson_compare",
            on_click=_open_in_compare,
            args=(studio, desk),
        )
        st.button(
            "Again",
            type="tertiary",
            key="lesson_again",
            help="Predict and run this lesson once more.",
            on_click=runs.board().remove,
            args=(sweep,),
        )


def _choice(lesson: Lesson, at: int) -> str:
    return text_of_others(lesson.choices[at], 160) if 0 <= at < len(lesson.choices) else "nothing"


def _verdict(lesson: Lesson, answered: Answered | None) -> None:
    right = _choice(lesson, lesson.right)
    if answered is None:
        st.markdown(f"**{right}**")
    elif answered.choice == lesson.right:
        st.markdown(f":green[:material/check_circle:] You predicted it: **{right}**")
    else:
        st.markdown(
            f":orange[:material/lightbulb:] You predicted: {_choice(lesson, answered.choice)}. "
            f"It is: **{right}**"
        )


def _measured(lesson: Lesson) -> str:
    """For how many prompts the claim held, and how anybody can measure it again."""
    claim = f":material/straighten: {text_of_others(lesson.check.claim, 300)}"
    if lesson.measured is None:
        return f"{claim} Nobody has measured this yet."
    return f"{claim} {text_of_others(lesson.measured.sentence, 200)}"


def _explain(lesson: str) -> None:
    answered = diary.now().predictions.get(lesson) or Answered(-1)
    sentence = str(st.session_state[f"sentence_{lesson}"]).strip()
    diary.say(lesson, Answered(answered.choice, answered.reason, sentence, answered.when))


def _open_in_compare(studio: Studio, desk: Desk) -> None:
    """Opens the lesson's plan in Compare, which runs it at once."""
    with explained():
        setup = desk.setup
        experiments.into_form(studio, setup, desk.lesson.plan.axes)
        st.session_state.update(view="Compare", lab_go=True)


def _cards(lessons: list[Lesson], current: Lesson) -> None:
    """A card for every lesson, with what was predicted."""
    done = diary.now().predictions
    count = sum(lesson.id in done for lesson in lessons)
    st.markdown(f"**All lessons** :small[:gray[{count} of {len(lessons)} done]]")
    with st.grid(min_column_width=CARD_WIDTH, gap="xsmall", key="lesson_cards"):
        for lesson in lessons:
            _card(lesson, done.get(lesson.id), lesson.id == current.id)


def _card(lesson: Lesson, answered: Answered | None, is_open: bool) -> None:
    icon = lesson.icon if lesson.icon in ALL_MATERIAL_ICONS else "school"
    if answered:
        icon = "check_circle" if answered.choice == lesson.right else "lightbulb"
    st.button(
        text_of_others(lesson.title, 80),
        icon=f":material/{icon}:",
        key=f"open_{lesson.id}",
        width="stretch",
        disabled=is_open,
        wrap=True,
        help=text_of_others(lesson.about, 40),
        on_click=_go,
        args=(lesson.id,),
    )
