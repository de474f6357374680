"""Library: everything made here, grouped, searched, starred, shared, taken out and brought in."""

import io
from collections.abc import Collection, Sequence
from dataclasses import replace

import streamlit as st

from sdplay.compare.axes import Setup
from sdplay.compare.guard import Verdict, label, lock, settings_text
from sdplay.compare.plan import many
from sdplay.library import Group, Kept, Query
from sdplay.library.carry import Carried, exported, imported, table
from sdplay.library.query import query
from sdplay.params import KNOBS
from sdplay.ui import foreign, form, sweeping
from sdplay.ui.details import details
from sdplay.ui.more import reached_end
from sdplay.ui.pair import Side, pair
from sdplay.ui.problems import explained, plain
from sdplay.ui.session import Studio
from sdplay.ui.tiles import Tile, tiles
from sdplay.ui.timebar import told

A_PAGE = 48
SCOPES = {"mine": "Mine", "shared": "Shared", "all": "All", "bin": "Bin"}
SYNTAX = ("Words of the prompt, and any setting: `fox -blue steps=20 cfg=5..9 stars>=3 scheduler=euler tag=good "
          "made>=2026-01-31`")  # fmt: skip


def show(studio: Studio) -> None:
    """Search, then groups of pictures, newest first; more come as one scrolls."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input("Search", key="find", placeholder="fox steps=20 stars>=3", bind="query-params",
                             help=SYNTAX)  # fmt: skip
        scope = st.segmented_control("Whose", list(SCOPES), default="mine", required=True, key="whose",
                                     format_func=SCOPES.__getitem__, bind="query-params")  # fmt: skip
        two = st.toggle("Compare two", key="pick_two", help="Click two pictures to lay them side by side.")
        foreign.read_a_picture(studio)
        _carry(studio, text)
    with explained():
        asked = query(text, scope="mine" if scope == "bin" else str(scope), deleted=scope == "bin")
        if two:
            _two(studio)
        _list(studio, asked, two)


@st.fragment
def _list(studio: Studio, asked: Query, two: bool) -> None:
    """All groups so far; what was sent before is not sent again."""
    total = studio.library.total(asked, studio.owner)
    if not total.count:
        _nothing(asked)
        return
    st.caption(f"{many(total.count, 'picture')} · {told(total.seconds)} of work · "
               f"{told(total.mean)} each")  # fmt: skip
    if asked.deleted:
        _purge(studio, total.count)
    shown = f"shown_{hash(repr(asked))}"
    pages = st.session_state.get(shown, 1)
    page = studio.library.page(asked, studio.owner, None, A_PAGE * pages)
    for group in studio.library.groups(page.kept, studio.owner):
        _group(studio, group, two)
    if page.next is not None and reached_end(f"end_{pages}"):
        st.session_state[shown] = pages + 1
        st.rerun(scope="fragment")


def _group(studio: Studio, group: Group, two: bool) -> None:
    settings = " · ".join(settings_text(group.same))
    size = f"{group.kept[0].width} × {group.kept[0].height}"
    st.markdown(f"**{plain(group.prompt) or 'No prompt'}**")
    count = group.total.count
    st.caption(plain(f"{settings} · {size} · {many(count, 'picture')}, "
                     f"{told(group.total.mean)} each"))  # fmt: skip
    shown = [Tile(kept.id, small, kept.params.prompt or "Picture", _line(kept, group.same))
             for kept, small in zip(group.kept, studio.library.thumbnails(group.kept), strict=True)]  # fmt: skip
    if id := tiles(shown, key=f"group_{group.id}", width=150):
        if two:
            held = [*st.session_state.get("two", ()), id][-2:]
            st.session_state["two"] = held
            st.rerun()
        details(studio, id)


def _line(kept: Kept, same: Collection[str]) -> str:
    """What sets this one apart in its group."""
    own = settings_text(kept.params.asked(), same)
    return " · ".join(["★" * kept.stars, *own] if kept.stars else own) or told(kept.timing.total)


def _nothing(asked: Query) -> None:
    with st.container(border=True, height=220, horizontal_alignment="center", vertical_alignment="center"):
        if asked == replace(Query(), scope=asked.scope, deleted=asked.deleted):
            st.markdown({"mine": ":material/photo_library: Every picture you make is kept here.",
                         "shared": ":material/group: Nobody has shared a picture yet. Share one from its details.",
                         "all": ":material/photo_library: There is no picture yet."}[asked.scope]
                        if not asked.deleted else ":material/delete: The bin is empty.")  # fmt: skip
        else:
            st.markdown(":material/search_off: Nothing fits. Take a word or a condition away.")


def _purge(studio: Studio, count: int) -> None:
    with st.popover("Empty the bin", icon=":material/delete_forever:"):
        st.caption(f"{many(count, 'picture')} will be gone for good.")
        if st.button("Yes, empty it", type="primary", key="purge"):
            studio.library.purge(studio.owner)
            st.rerun()


def _two(studio: Studio) -> None:
    """Two pictures under the glass, with what differs."""
    held = [kept for id in st.session_state.get("two", ()) if (kept := studio.library.get(id, studio.owner))]
    if len(held) < 2:
        st.info(f"Click {2 - len(held)} {'more picture' if held else 'pictures'} below.", icon=":material/compare:")
        return
    sides = [Side(f"{letter}: {plain(kept.params.prompt[:60]) or 'no prompt'}", studio.library.data(kept),
                  Setup(kept.backend, kept.params), kept.model)
             for letter, kept in zip("AB", held, strict=True)]  # fmt: skip
    pair(sides, "two_glass", sweeping.measured(studio, held[0].id, held[1].id), locks=lambda told: _locks(held, told))


def _locks(held: Sequence[Kept], verdict: Verdict) -> None:
    """Ways to a picture that differs from A in one thing only."""
    if verdict.level == "confounded":
        for name in KNOBS:
            if name in verdict.names:
                fair = lock([kept.params for kept in held], [name])[1]
                if st.button(f"Only {label(name)}", icon=":material/lock:", type="tertiary", key=f"two_lock_{name}",
                             on_click=form.use, args=(fair,), help="A's settings with this one of B into the form: "
                             "made there, it can be compared with A."):  # fmt: skip
                    st.rerun()


def _carry(studio: Studio, text: str) -> None:
    """Out as a zip or a table, and in again."""

    def packed() -> bytes:
        kept = io.BytesIO()
        exported(studio.library, kept, text, studio.owner)
        return kept.getvalue()

    with st.popover("Take out, bring in", icon=":material/import_export:"):
        st.caption("What the search finds: pictures, settings and times.")
        with st.container(horizontal=True, gap="xsmall"):
            st.download_button("Zip", packed, "sdplay-library.zip", "application/zip", icon=":material/folder_zip:",
                               on_click="ignore", key="carry_zip")  # fmt: skip
            st.download_button("Table", lambda: table(studio.library, text, studio.owner), "sdplay-library.csv",
                               "text/csv", icon=":material/table:", on_click="ignore", key="carry_csv")  # fmt: skip
        given = st.file_uploader("A zip from another library, or of any pictures", ["zip"], key="carry_in")
        if given and st.button("Bring it in", type="primary", key="carry_go"):
            with explained():
                _brought(imported(studio.library, given, studio.owner))


def _brought(found: Carried) -> None:
    st.success(f"{found.pictures} new, {found.known} known already.", icon=":material/check:")
    for problem in found.problems[:5]:
        st.warning(plain(problem), icon=":material/info:")
