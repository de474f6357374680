"""One picture of the library: large, with its receipt and what can be done with it."""

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from sdplay import metadata
from sdplay.backends.guests import label_of
from sdplay.library import SavedPicture
from sdplay.params import KNOBS, Params, differing
from sdplay.ui import dates, whole
from sdplay.ui.form import form, start_image
from sdplay.ui.picture import inline
from sdplay.ui.picture.afterwards import strips, tools
from sdplay.ui.picture.deleting import delete
from sdplay.ui.picture.recall import recall
from sdplay.ui.picture.receipt import receipt, timing
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import links
from sdplay.wording import literal

ButtonType = Literal["primary", "secondary", "tertiary"]


def hero(studio: Studio, saved: SavedPicture) -> None:
    """Shows the original file, so that a picture saved from the browser has its settings inside."""
    with explained():
        inline.picture(
            studio.library.data(saved),
            width="stretch",
            alt=saved.params.prompt or "Picture",
        )


def download(studio: Studio, saved: SavedPicture, key: str) -> None:
    """A button that downloads the original file."""
    st.download_button(
        "PNG",
        lambda: studio.library.data(saved),
        f"sdplay-{saved.params.seed}-{saved.id[:6]}.png",
        "image/png",
        icon=":material/download:",
        on_click="ignore",
        key=f"png_{key}",
        help="The original file, with its settings inside.",
    )


def start_from(studio: Studio, saved: SavedPicture, key: str) -> None:
    """Makes this picture the start image."""
    if not studio.capabilities.offers("img2img"):
        return
    st.button(
        "Start from it",
        icon=":material/image:",
        key=f"start_{key}",
        on_click=_hold,
        args=(studio, saved),
        help="Make it the start image of the next picture.",
    )


def inpaint(studio: Studio, saved: SavedPicture, key: str) -> None:
    """Opens this picture for painting a mask on it."""
    if not studio.capabilities.offers("inpaint"):
        return
    st.button(
        "Inpaint",
        icon=":material/ink_eraser:",
        key=f"inpaint_{key}",
        on_click=_inpaint,
        args=(studio, saved),
        help="Paint over what should be made anew; the rest stays as it is.",
    )


def _inpaint(studio: Studio, saved: SavedPicture) -> None:
    _close()
    with explained():
        size, data = (saved.width, saved.height), studio.library.data(saved)
        start_image.hold_whole(data, saved.id, size, studio.capabilities)
        st.session_state.update(view="Sketch", sketch_as="mask")


def details(id: str) -> None:
    """Opens the details in a run of the whole page. The address names the picture, so that opening
    it again shows the same.

    A fragment that opened them itself would close them with its next run, and in a slow browser
    their parts would appear outside of the dialog.
    """
    st.query_params["picture"] = id
    st.rerun()


def linked(studio: Studio) -> None:
    """Shows the details of the picture in the address, as long as it is there."""
    if st.session_state.pop("dismissed", False):
        _close()
    if "picture" in st.query_params:
        _drawer(studio)


def _close() -> None:
    st.query_params.pop("picture", None)


def _dismissed() -> None:
    """Called when the dialog is closed by its cross. Only a run of the whole page can change the
    address."""
    st.session_state["dismissed"] = True
    st.rerun()


@whole.dialog(
    "Picture", width=480, position="right", icon=":material/image:", on_dismiss=_dismissed
)
def _drawer(studio: Studio) -> None:
    if "picture" not in st.query_params:
        st.rerun()  # what was pressed has closed it
    picture = studio.library.get(st.query_params["picture"], studio.owner)
    if picture is None:
        st.info(
            "There is no such picture here, or its owner keeps it private.", icon=":material/lock:"
        )
        return
    hero(studio, picture)
    st.code(picture.params.prompt, language=None, wrap_lines=True)
    _use(studio, picture)
    with explained():
        _marks(studio, picture)
    timing(picture, "details")
    receipt(picture, "details")
    with explained():
        changed = [
            KNOBS[name].label for name in differing(picture.params, form.asked(studio.capabilities))
        ]
        if changed:
            st.caption(f"Differs from the form in: {', '.join(changed)}.")
        tools(studio, picture)
        strips(studio, picture)
    facts = (
        dates.spoken(picture.made),
        literal(label_of(picture.backend)),
        literal(picture.model),
    )
    st.caption(" · ".join(fact for fact in facts if fact))


def _use(studio: Studio, saved: SavedPicture) -> None:
    """Offers to use the picture's settings and pixels."""
    _leave(
        "Use these settings",
        form.use,
        saved.params,
        key="use",
        icon=":material/replay:",
        type="primary",
    )
    with st.container(horizontal=True, gap="xsmall", key="actions"):
        download(studio, saved, "details")
        inpaint(studio, saved, "details")
        with st.popover(
            "Link", icon=":material/link:", key="picture_link", help="A link to this picture"
        ):
            st.code(links.picture(saved.id), language=None, wrap_lines=True)
            st.caption(
                "Everybody who has it sees the picture."
                if saved.shared or not saved.owner
                else "It opens for you alone, until you share the picture."
            )
        with st.popover("More"):
            _leave(
                "All but the seed",
                _all_but_the_seed,
                saved.params,
                key="use_remix",
                icon=":material/shuffle:",
            )
            _leave(
                "Only the prompt",
                form.use_prompt,
                saved.params,
                key="use_prompt",
                icon=":material/short_text:",
            )
            _leave(
                "Compare around it",
                _compare,
                saved.params,
                key="use_compare",
                icon=":material/grid_on:",
            )
            start_from(studio, saved, "details")
            if studio.capabilities.offers("img2img"):
                _leave(
                    "Strength morph",
                    _morph,
                    studio,
                    saved,
                    key="use_morph",
                    icon=":material/movie:",
                )
            recall(saved, f"recall_{saved.id}", _close)
            st.caption("As A1111 writes it:")
            st.code(
                metadata.infotext(saved.params, model=saved.model), language=None, wrap_lines=True
            )


def _leave(
    label: str,
    act: Callable[..., object],
    *args: Any,
    key: str,
    icon: str,
    type: ButtonType = "tertiary",
) -> None:
    """A button that does something and closes the details."""

    def done() -> None:
        _close()  # first: the browser's way back then takes back what was done
        with explained():
            act(*args)

    width: Literal["stretch", "content"] = "stretch" if type == "primary" else "content"
    st.button(label, type=type, icon=icon, key=key, on_click=done, width=width)


def _marks(studio: Studio, saved: SavedPicture) -> None:
    """Stars, tags, note, sharing, and the way to the bin and back."""
    library, owner = studio.library, studio.owner
    if saved.owner not in (owner, ""):
        st.caption(":material/group: Somebody on this page shared it.")
        return
    if saved.deleted:
        _leave(
            "Restore",
            library.restore,
            saved,
            owner,
            key="restore",
            icon=":material/restore_from_trash:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="marks"):
        st.feedback(
            "stars",
            default=saved.stars - 1 if saved.stars else None,
            **_saved(
                f"stars_{saved.id}",
                lambda value: library.update(saved, owner, stars=0 if value is None else value + 1),
            ),
        )
        st.toggle(
            "Shared",
            saved.shared,
            help="Everybody on this page may see it; only you may change it.",
            **_saved(f"shared_{saved.id}", lambda value: library.share(saved, owner, value)),
        )
        st.space("stretch")
        _delete_menu(studio, saved)
    st.multiselect(
        "Tags",
        list(saved.tags),
        list(saved.tags),
        accept_new_options=True,
        **_saved(f"tags_{saved.id}", lambda value: library.update(saved, owner, tags=value)),
    )
    st.text_input(
        "Note",
        saved.note,
        **_saved(f"note_{saved.id}", lambda value: library.update(saved, owner, note=value)),
    )


def _delete_menu(studio: Studio, saved: SavedPicture) -> None:
    with st.popover(
        "Delete", icon=":material/delete:", type="tertiary", key="delete", help="Delete"
    ):
        st.caption("It goes into the bin and can be restored from there.")
        _leave(
            "Yes, delete it",
            delete,
            studio,
            [saved],
            key="delete_yes",
            icon=":material/delete:",
            type="primary",
        )


def _saved(key: str, save: Callable[[Any], object]) -> dict[str, Any]:
    """The settings of a control whose value a callback saves. The callback runs even if the dialog
    closes at that moment."""

    def changed() -> None:
        with explained():
            save(st.session_state[key])

    return {"key": key, "on_change": changed}


def _all_but_the_seed(params: Params) -> None:
    form.use(params.with_(seed=st.session_state.get("seed", params.seed)))


def _compare(params: Params) -> None:
    form.use(params)
    st.session_state["view"] = "Compare"


def _morph(studio: Studio, saved: SavedPicture) -> None:
    """Starts a film that leads from this picture to one with nothing left of it."""
    form.use(saved.params)
    start_image.hold(studio.library.data(saved), picture=saved.id)
    st.session_state.update(view="Film", moves="Strength", reel_wish=True)


def _hold(studio: Studio, saved: SavedPicture) -> None:
    with explained():
        start_image.hold(studio.library.data(saved), picture=saved.id)
        whole.note(
            "It is the start image now. Strength says how much of it may change.",
            icon=":material/image:",
        )
