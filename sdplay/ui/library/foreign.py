"""Reads the settings of a picture of any program, so that they can be used or the picture can be
stored."""

import streamlit as st

from sdplay import metadata
from sdplay.params import KNOBS, Params
from sdplay.ui import whole
from sdplay.ui.form import form, visit
from sdplay.ui.picture.receipt import shown
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.wording import literal

_DROPPED = "dropped_picture"
_TIMES = "times_read"


def read_a_picture(studio: Studio) -> None:
    """Takes a file and shows what it says about how it was made.

    Once its settings are used, another popover takes this one's place, closed. If this one were
    drawn anew as closed, the browser could still hold it for open, and the next run would open it.
    """
    with st.popover(
        "Read a picture",
        icon=":material/plagiarism:",
        key=f"read_picture_{st.session_state.get(_TIMES, 0)}",
        on_change="rerun",
        help="Read the settings of a picture from anywhere",
    ):
        upload = st.file_uploader(
            "Made by A1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus, Civitai or this app",
            ["png", "jpg", "jpeg", "webp"],
            key="foreign",
        )
        if not upload:
            return
        with explained():
            _described(studio, visit.uploaded(upload))


def drop(data: bytes) -> None:
    """Opens the dialog for a dropped file in a run of the whole page, because the next run of the
    list would close it."""
    st.session_state[_DROPPED] = data
    st.rerun()


def dropped(studio: Studio) -> None:
    """The dialog for a file that was just dropped."""
    if data := st.session_state.pop(_DROPPED, b""):
        _dialog(studio, data)


@whole.dialog("Read a picture", width="medium", icon=":material/plagiarism:")
def _dialog(studio: Studio, data: bytes) -> None:
    with explained():
        _described(studio, data)


def _described(studio: Studio, data: bytes) -> None:
    text = metadata.read(data)
    if not text.text:
        st.info(
            "It carries no settings. Programs and web sites often strip them.",
            icon=":material/info:",
        )
    else:
        st.badge(literal(text.dialect or "unknown program"), icon=":material/edit_note:")
        settings = Params.from_dict(text.settings).asked()
        st.table(
            {
                KNOBS[name].label: shown(name, value)
                for name, value in settings.items()
                if name in text.settings
            },
            border="horizontal",
            hide_header=True,
        )
        with st.expander("As it stands in the file", icon=":material/notes:"):
            st.code(text.text, language=None, wrap_lines=True)
    for note in text.notes:
        st.caption(f":orange[:material/info:] {literal(note)}")
    with st.container(horizontal=True, gap="xsmall"):
        if text.settings:
            st.button(
                "Use these settings",
                type="primary",
                icon=":material/replay:",
                key="foreign_use",
                on_click=_use,
                args=(dict(text.settings),),
            )
        if st.button("Keep it", icon=":material/library_add:", key="foreign_keep"):
            studio.library.take(data, studio.owner)
            whole.due()
            whole.note("It is in your library.", icon=":material/library_add:")


def _use(settings: dict[str, object]) -> None:
    with explained():
        form.use(Params.from_dict(settings))
        st.session_state[_TIMES] = st.session_state.get(_TIMES, 0) + 1
        whole.note("Its settings are in the form.", icon=":material/replay:")
