"""Exports pictures from the library as a zip or a table, and imports them."""

import tempfile
from collections.abc import Sequence
from typing import BinaryIO, cast

import streamlit as st

from sdplay.library import Query
from sdplay.library.carry import Carried, exported, imported, table
from sdplay.sharing.room import Gate, Room, Share
from sdplay.ui import session
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.wording import literal, many

AT_ONCE = Room(browser=1, address=2, everybody=4)
"""How many imports may run at the same time, because each may hold a large picture."""
MOST = 2000
"""The most pictures in one zip from the page, because the server holds it while the browser
downloads it."""


def carry(studio: Studio, query: Query, count: int) -> None:
    """Offers to export what a search finds, and to import files."""
    with st.popover(
        "Export, import",
        icon=":material/import_export:",
        key="carry",
        help="Export or import pictures",
    ):
        st.caption(f"What the search finds: {many(count, 'picture')} with settings and times.")
        with st.container(horizontal=True, gap="xsmall"):
            out(studio, query, count, "carry")
        upload = st.file_uploader(
            "A zip from another library, or of any pictures", ["zip"], key="carry_in"
        )
        if upload and st.button("Import it", type="primary", key="carry_go"):
            with explained(), _imports().entered(Share(studio.owner, session.address())):
                _brought(imported(studio.library, upload, studio.owner))


@st.cache_resource(show_spinner=False)
def _imports() -> Gate:
    return Gate(AT_ONCE, "import")


def out(studio: Studio, selection: Query | Sequence[str], count: int, key: str) -> None:
    """Buttons for these pictures as a zip and as a table, which are made when they are pressed."""
    st.download_button(
        "Zip",
        lambda: _packed(studio, selection),
        "sdplay-library.zip",
        "application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        key=f"{key}_zip",
        disabled=count > MOST,
        help=f"At most {MOST:,} at once: narrow the search, for example with made>=2026-01-31, "
        "or use "
        "python -m sdplay library export."
        if count > MOST
        else None,
    )
    st.download_button(
        "Table",
        lambda: table(studio.library, selection, studio.owner),
        "sdplay-library.csv",
        "text/csv",
        icon=":material/table:",
        on_click="ignore",
        key=f"{key}_csv",
    )


def _packed(studio: Studio, selection: Query | Sequence[str]) -> BinaryIO:
    """Writes the zip to a file without a name, which disappears with its last reader."""
    file = cast("BinaryIO", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115  # read later
    exported(studio.library, file, selection, studio.owner)
    return file


def _brought(carried: Carried) -> None:
    st.success(f"{carried.pictures} new, {carried.known} already here.", icon=":material/check:")
    for problem in carried.problems[:5]:
        st.warning(literal(problem), icon=":material/info:")
