"""What can be made of a finished picture (a larger one, cut-outs), and the pictures it was made
from."""

import streamlit as st

from sdplay.chain import CHAIN_TAG
from sdplay.compare.guard import label
from sdplay.library import Query, SavedPicture
from sdplay.studio import cut_out
from sdplay.ui import address, whole
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.picture import enlarging
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio

NEIGHBOURS = 12


def tools(studio: Studio, saved: SavedPicture) -> None:
    """Offers what this backend can do with the picture. The result is stored beside it."""
    larger = bool(enlarging.upscalers(studio.capabilities))
    cuts = "cutouts" in studio.capabilities.features
    if not (larger or cuts):
        return
    title = " or ".join(["Enlarge"] * larger + ["Cut out" if not larger else "cut out"] * cuts)
    with st.expander(
        title, icon=":material/open_in_full:" if larger else ":material/content_cut:", key="tools"
    ):
        if larger:
            enlarging.ask(studio, saved.id)
        cutting = cuts and st.button(
            "Cut out",
            icon=":material/content_cut:",
            key="cut_out",
            help="Each thing in the picture becomes a transparent PNG of its own.",
        )
        if cutting:
            with explained():
                _cut_out(studio, saved)


def strips(studio: Studio, saved: SavedPicture) -> None:
    """Shows what was made from the picture, what it was made from, and what single settings change,
    as thumbnails."""
    near = studio.library.near(saved, studio.owner, 4 * NEIGHBOURS)
    source = studio.library.source(saved, studio.owner)
    results = _made_from(studio, saved, [neighbour for _, neighbour in near])
    linked = {picture.id for picture in (source, *results) if picture}
    others = [
        (neighbour, label(name))
        for name, neighbour in near
        if not (neighbour.made_from or saved.made_from or neighbour.id in linked)
    ]
    sizes = [(picture, f"{picture.width} × {picture.height}") for picture in results]
    _strip(studio, saved, "Made from it:", sizes)
    _strip(studio, saved, "Made from:", [(source, "")] if source else [])
    _chains(studio, saved)
    _strip(studio, saved, "Exactly one thing differs:", others[:NEIGHBOURS])
    if len(others) > NEIGHBOURS:
        st.button(
            "See them all",
            icon=":material/photo_library:",
            key="near_all",
            on_click=_see_all,
            args=(saved,),
        )


def _made_from(studio: Studio, saved: SavedPicture, near: list[SavedPicture]) -> list[SavedPicture]:
    """What was enlarged or cut out of it, and what has it as its start image."""
    later = [picture for picture in near if picture.made_from == saved.file]
    return [*later, *studio.library.started_from(saved, studio.owner, NEIGHBOURS)]


def _chains(studio: Studio, saved: SavedPicture) -> None:
    """The newest pictures of every chain that it belongs to, the first stage first."""
    for tag in saved.tags:
        if tag.startswith(CHAIN_TAG):
            query = Query(tags=(tag,), scope="all")
            stages = reversed(studio.library.page(query, studio.owner, None, NEIGHBOURS).pictures)
            row = [
                (stage, f"{stage.width} × {stage.height}")
                for stage in stages
                if stage.id != saved.id
            ]
            _strip(studio, saved, f"Of the chain {tag.removeprefix(CHAIN_TAG)}:", row)


def _cut_out(studio: Studio, saved: SavedPicture) -> None:
    with st.spinner("Cutting out"):
        count = len(cut_out(saved, studio.backend, studio.library, studio.owner))
    sentence = (
        "1 cut-out is in your library." if count == 1 else f"{count} cut-outs are in your library."
    )
    st.toast(sentence if count else "Nothing was found to cut out.", icon=":material/content_cut:")


def _see_all(saved: SavedPicture) -> None:
    whole.due()
    st.session_state["view"] = "Library"
    address.put({"find": f"near={saved.id}", "whose": "all"})
    st.query_params.pop("picture", None)


def _strip(
    studio: Studio, saved: SavedPicture, title: str, pictures: list[tuple[SavedPicture, str]]
) -> None:
    """A row of pictures that can be opened."""
    if not pictures:
        return
    st.caption(title)
    small = studio.library.thumbnails([picture for picture, _ in pictures])
    row = [
        Tile(picture.id, jpeg, f"{note or title} {picture.params.prompt}", note)
        for (picture, note), jpeg in zip(pictures, small, strict=True)
    ]
    if id := tiles(row, key=f"{title}_{saved.id}", width=92, strip=True):
        st.query_params["picture"] = id
        st.rerun(scope="fragment")
