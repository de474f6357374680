"""For a class: the link to a lesson, its worksheet, the progress as a file, and five questions
before and after."""

from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from sdplay.lessons import quiz
from sdplay.lessons.lesson import Lesson
from sdplay.lessons.record import Record, progress_table
from sdplay.lessons.worksheet import worksheet
from sdplay.ui.learn import diary, pictures, runs
from sdplay.ui.session import Studio
from sdplay.wording import literal

_ASKING = "lesson_questions_open"
OWN_LESSON = (
    "A lesson of your own is one TOML file: put it into the folder lessons of SDPLAY_HOME, or send "
    "a link that ends in &lesson=https://… to it."
)


def tools(studio: Studio, lessons: list[Lesson], lesson: Lesson) -> None:
    """The row of tools for a class."""
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key="lesson_tools"
    ):
        _questions_button()
        _progress(lessons)
        _for_class(studio, lessons, lesson)
    if st.session_state.get(_ASKING) and not diary.now().after:
        _questions(studio.owner)
    if sentence := quiz.gain_sentence(diary.now()):
        st.markdown(f":material/trending_up: {literal(sentence)}")


def _questions_button() -> None:
    """The button for the five questions, until both sets are answered."""
    record = diary.now()
    after = bool(record.before)
    if record.after:
        return
    st.button(
        "Five questions after the lessons" if after else "Five questions before you begin",
        icon=":material/quiz:",
        key="lesson_quiz",
        on_click=_ask,
    )


def _ask() -> None:
    """Opens the questions, or closes them."""
    st.session_state[_ASKING] = not st.session_state.get(_ASKING, False)


def _questions(owner: str) -> None:
    """The current set of questions, and a button that saves the answers."""
    record, after = diary.now(), bool(diary.now().before)
    record = replace(record, order=record.order or quiz.order_for(owner))
    with st.container(border=True, key="quiz"):
        chosen = [
            st.radio(
                literal(question.text),
                range(len(question.choices)),
                index=None,
                key=f"quiz_{'after' if after else 'before'}_{number}",
                format_func=[literal(choice) for choice in question.choices].__getitem__,
            )
            for number, question in enumerate(quiz.questions(record.order, after))
        ]
        choices = tuple(choice for choice in chosen if choice is not None)
        st.button(
            "That is my answer",
            type="primary",
            key="quiz_done",
            disabled=len(choices) < len(chosen),
            on_click=_answered,
            args=(replace(record, after=choices) if after else replace(record, before=choices),),
        )
        if not after:
            st.caption("After the lessons come five other questions; then you see the gain.")


def _answered(record: Record) -> None:
    st.session_state[_ASKING] = False
    diary.put(record)


def _progress(lessons: list[Lesson]) -> None:
    """Offers to download or remove one's own predictions."""
    record = diary.now()
    with st.popover("My progress", icon=":material/history_edu:"):
        st.caption("Your predictions stay in this browser. The server keeps none of them.")
        with st.container(horizontal=True, gap="xsmall"):
            st.download_button(
                "As a table",
                lambda: progress_table(record, lessons),
                "progress.csv",
                "text/csv",
                icon=":material/table:",
                on_click="ignore",
                key="progress_csv",
            )
            st.download_button(
                "As JSON",
                record.text,
                "progress.json",
                "application/json",
                icon=":material/data_object:",
                on_click="ignore",
                key="progress_json",
            )
        st.button(
            "Forget my progress",
            icon=":material/delete:",
            type="tertiary",
            key="progress_forget",
            disabled=record == Record(),
            on_click=diary.forget,
        )


def _for_class(studio: Studio, lessons: list[Lesson], lesson: Lesson) -> None:
    """The link that opens this lesson, and pages to print."""
    page = (st.context.url or "").split("?")[0]
    link = f"{page}?{urlencode({'view': 'Learn', 'lesson': lesson.id})}"
    with st.popover("For a class", icon=":material/groups:"):
        st.caption("This link opens the lesson:")
        st.code(link, language=None, wrap_lines=True)
        with st.container(horizontal=True, gap="xsmall"):
            st.download_button(
                "Worksheet",
                lambda: worksheet([lesson], {lesson.id: _pictures(studio, lesson)}, link),
                f"{_file_name(lesson)}.html",
                "text/html",
                icon=":material/print:",
                on_click="ignore",
                key="worksheet",
                help="One page to print: question, space for a reason, pictures, and the answer "
                "upside down at the foot.",
            )
            st.download_button(
                "All worksheets",
                lambda: worksheet(lessons),
                "lessons.html",
                "text/html",
                icon=":material/print:",
                on_click="ignore",
                key="worksheets",
            )
        st.caption(literal(OWN_LESSON))


def _file_name(lesson: Lesson) -> str:
    """A file name that every system accepts."""
    letters = "".join(letter if letter.isalnum() else "-" for letter in lesson.title.lower())
    return letters.strip("-")[:60] or "lesson"


def _pictures(studio: Studio, lesson: Lesson) -> dict[tuple[int, ...], bytes]:
    """The lesson's pictures that were made here already."""
    sweep = runs.running(studio, runs.desk(studio, lesson))
    return pictures.jpegs(studio, sweep) if sweep else {}
