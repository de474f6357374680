"""One picture of the library: large, with its receipt and what can be done with it."""

import io

import streamlit as st
from PIL import Image

from sdplay import metadata
from sdplay.compare.guard import label
from sdplay.library import Kept
from sdplay.params import KNOBS, Params, differing
from sdplay.picture import Picture, png_bytes
from sdplay.ui import form, start_image
from sdplay.ui.problems import explained, plain
from sdplay.ui.receipt import receipt, timing
from sdplay.ui.session import Studio
from sdplay.ui.tiles import Tile, tiles

NEIGHBOURS = 12


def hero(studio: Studio, kept: Kept) -> None:
    """The original file, so that saving it from the browser keeps its settings."""
    with explained():
        st.image(studio.library.data(kept), width="stretch", output_format="PNG", alt=kept.params.prompt or "Picture")


def download(studio: Studio, kept: Kept, key: str) -> None:
    """The original file."""
    st.download_button("PNG", lambda: studio.library.data(kept), f"sdplay-{kept.params.seed}-{kept.id[:6]}.png",
                       "image/png", icon=":material/download:", on_click="ignore", key=f"png_{key}",
                       help="The original file, its settings inside.")  # fmt: skip


def start_from(studio: Studio, kept: Kept, key: str) -> None:
    """Make this picture the start image."""
    if studio.capabilities.offers("img2img"):
        st.button("Start from it", icon=":material/image:", key=f"start_{key}", on_click=_hold, args=(studio, kept),
                  help="Make it the start image of the next picture.")  # fmt: skip


@st.dialog("Picture", width=480, position="right", icon=":material/image:")
def details(studio: Studio, id: str) -> None:
    """The drawer."""
    id = st.session_state.get("details_next", {}).get(id, id)
    kept = studio.library.get(id, studio.owner)
    if kept is None:
        st.info("This picture is no longer in the library.", icon=":material/delete:")
        return
    hero(studio, kept)
    st.code(kept.params.prompt, language=None, wrap_lines=True)
    _use(studio, kept)
    with explained():
        _marks(studio, kept)
    timing(kept, "details")
    receipt(kept, "details")
    with explained():
        changed = [KNOBS[name].label for name in differing(kept.params, form.asked(studio.capabilities))]
        if changed:
            st.caption(f"Differs from the form in: {', '.join(changed)}.")
        _neighbours(studio, kept)
    told = (f"{kept.made:%d %b %Y, %H:%M} UTC", plain(kept.backend), plain(kept.model))
    st.caption(" · ".join(each for each in told if each))


def _use(studio: Studio, kept: Kept) -> None:
    """What the picture's settings and pixels can become."""
    form_now = st.session_state.get("seed", kept.params.seed)
    with st.container(horizontal=True, gap="xsmall"):
        if st.button("Use these settings", type="primary", icon=":material/replay:", key="use", on_click=form.use,
                     args=(kept.params,)):  # fmt: skip
            st.rerun()
        download(studio, kept, "details")
        with st.popover("More", icon=":material/more_horiz:"):
            if st.button("All but the seed", icon=":material/shuffle:", key="use_remix", type="tertiary",
                         on_click=_keep_seed, args=(kept.params, form_now)):  # fmt: skip
                st.rerun()
            if st.button("The prompt alone", icon=":material/short_text:", key="use_prompt", type="tertiary",
                         on_click=_prompt_alone, args=(kept.params,)):  # fmt: skip
                st.rerun()
            if st.button("Compare around it", icon=":material/grid_on:", key="use_compare", type="tertiary",
                         on_click=_compare, args=(kept.params,)):  # fmt: skip
                st.rerun()
            start_from(studio, kept, "details")
            _upscale(studio, kept)
            st.caption("As A1111 writes it:")
            st.code(metadata.infotext(kept.params, model=kept.model), language=None, wrap_lines=True)


def _marks(studio: Studio, kept: Kept) -> None:
    """Stars, tags, a note, who may see it, and the way into the bin and out."""
    library, owner = studio.library, studio.owner
    if kept.deleted:
        if st.button("Bring it back", icon=":material/restore_from_trash:", key="restore"):
            library.restore(kept, owner)
            st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        given = st.feedback("stars", key=f"stars_{kept.id}", default=kept.stars - 1 if kept.stars else None)
        stars = 0 if given is None else given + 1
        shared = st.toggle("Shared", kept.shared, key=f"shared_{kept.id}", help="Everybody on this page may see it; "
                           "only you may change it.")  # fmt: skip
        st.space("stretch")
        if st.button("Delete", icon=":material/delete:", type="tertiary", key="delete", on_click=_delete,
                     args=(studio, kept)):  # fmt: skip
            st.rerun()
    tags = st.multiselect("Tags", list(kept.tags), list(kept.tags), accept_new_options=True, key=f"tags_{kept.id}")
    note = st.text_input("Note", kept.note, key=f"note_{kept.id}")
    if (stars, tuple(tags), note) != (kept.stars, kept.tags, kept.note):
        kept = library.update(kept, owner, stars=stars, tags=tuple(tags), note=note)
    if shared != kept.shared:
        library.share(kept, owner, shared)


def _neighbours(studio: Studio, kept: Kept) -> None:
    """Pictures that differ in exactly one thing: what that thing does, at a glance."""
    near = studio.library.near(kept, studio.owner, NEIGHBOURS)
    if not near:
        return
    st.caption("Exactly one thing differs:")
    small = studio.library.thumbnails([other for _, other in near])
    shown = [Tile(other.id, jpeg, f"{label(name)}: {other.params.prompt}", label(name))
             for (name, other), jpeg in zip(near, small, strict=True)]  # fmt: skip
    if id := tiles(shown, key=f"near_{kept.id}", width=92, strip=True):
        st.session_state["details_next"] = {kept.id: id}
        st.rerun(scope="fragment")


def _upscale(studio: Studio, kept: Kept) -> None:
    """Enlarge it with one of the backend's own upscalers; the result is kept beside it."""
    if not (studio.capabilities.offers("upscale") and studio.capabilities.upscalers):
        return
    chosen = st.selectbox("Upscaler", studio.capabilities.upscalers, key="upscaler")
    scale = st.slider("Scale", 1.5, 4.0, 2.0, 0.5, key="upscale_by")
    if st.button("Upscale", icon=":material/open_in_full:", key="upscale"):
        with explained(), st.spinner("Upscaling"):
            with Image.open(io.BytesIO(studio.library.data(kept))) as small:
                larger = studio.backend.upscale(small.convert("RGB"), scale, str(chosen))
            picture = Picture(png_bytes(larger), kept.params, kept.backend, kept.timing, kept.receipt, kept.model)
            studio.library.save(picture, studio.owner, ("upscaled",), f"{kept.key}-{chosen}-{scale}")
            st.toast("The larger picture is in your library.", icon=":material/open_in_full:")


def _keep_seed(params: Params, seed: int) -> None:
    with explained():
        form.use(params.with_(seed=seed))


def _compare(params: Params) -> None:
    form.use(params)
    st.session_state["view"] = "Compare"


def _prompt_alone(params: Params) -> None:
    st.session_state.update(prompt=params.prompt, negative=params.negative)


def _hold(studio: Studio, kept: Kept) -> None:
    with explained():
        start_image.hold(studio.library.data(kept))
        st.toast("It is the start image now. Strength says how much of it may change.", icon=":material/image:")


def _delete(studio: Studio, kept: Kept) -> None:
    with explained():
        studio.library.delete(kept, studio.owner)
        st.toast("It is in the bin of the Library tab, which can bring it back.", icon=":material/delete:")
