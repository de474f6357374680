"""Library: all pictures made here, in groups, with search, stars, sharing, export and import."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import streamlit as st

from sdplay.backends.guests import label_of
from sdplay.compare.guard import label, settings_text, value_text
from sdplay.library import Group, Query, SavedPicture, Total
from sdplay.library.query import query
from sdplay.library.saved import moment
from sdplay.params import KNOBS, differing
from sdplay.ui import dates, whole
from sdplay.ui.components.gallery import Heading, Placed, Stretch, asked_for, gallery
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.library import carry, chosen, foreign, traces
from sdplay.ui.picture.details import details
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked, links
from sdplay.wording import lasting, many

A_PAGE = 32
REFRESH_SECONDS = 4.0
NEWEST = 8
"""How many of the newest pictures are looked at for a change."""
SYNTAX = (
    "Or type words of the prompt and any setting: `fox -blue steps=20 cfg=5..9 stars>=3 "
    "scheduler=euler tag=good "
    "made>=2026-01-31`"
)
FILTERS = (
    "scheduler",
    "steps",
    "cfg",
    "seed",
    "stars",
    "backend",
    "model",
    "width",
    "height",
    "strength",
)
BRIEF = {"scheduler": "{}", "steps": "{} steps", "cfg": "CFG {}", "seed": "seed {}"}
"""Settings that are clear under a thumbnail without their full name."""


def show(studio: Studio) -> None:
    """Shows the search in one row with all tools, then groups of pictures, newest first. Scrolling
    brings more."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="finding")
    with row:
        text, scope = _ask(studio)
    with explained():
        search = query(text, scope="mine" if scope == "bin" else scope, deleted=scope == "bin")
        total = studio.library.total(search, studio.owner)
        with row:
            choosing = _tools(studio, search, total.count)
        if choosing:
            chosen.show(studio)
        if search.near:
            _base(studio, search.near)
        _summary(studio, search, total)
        _list(studio, search, choosing)
        _damaged(studio)
        _watch(studio, search)
        foreign.dropped(studio)


def _ask(studio: Studio) -> tuple[str, str]:
    """Asks what is searched, and whose pictures."""
    text = st.text_input(
        "Search",
        **linked.bound("find"),
        placeholder="Search: fox steps=20 stars>=3",
        label_visibility="collapsed",
    )
    _filter(studio)
    scope = st.segmented_control(
        "Pictures",
        list(linked.SCOPES),
        default="mine",
        required=True,
        **linked.bound("whose"),
        format_func=linked.SCOPES.__getitem__,
        label_visibility="collapsed",
    )
    return text, str(scope)


def _tools(studio: Studio, search: Query, count: int) -> bool:
    """Offers what can be done with the pictures; returns whether clicks choose them."""
    choosing = st.toggle(
        "Choose",
        bool(chosen.ids()),
        key="choosing",
        help="Click pictures: two are compared, any number exported, shared or deleted.",
    )
    foreign.read_a_picture(studio)
    carry.carry(studio, search, count)
    links.share(studio, "Library")
    return choosing


def _damaged(studio: Studio) -> None:
    """Says that pictures were left out because they are damaged, and what their owner can do."""
    if count := studio.library.damaged_of(studio.owner):
        st.warning(
            f"{many(count, 'picture')} cannot be listed: the record is damaged. The picture files "
            "are safe: `python -m sdplay library reindex --adopt NAME` on the server lists them "
            "again with the settings inside them.",
            icon=":material/healing:",
        )


@whole.fragment()
def _base(studio: Studio, id: str) -> None:
    """The picture from which all others in the list differ in one thing."""
    picture = studio.library.get(id, studio.owner)
    if picture is None:
        st.info(
            "The picture that these would differ from is not here, or its owner keeps it private.",
            icon=":material/lock:",
        )
        return
    st.caption("Each differs in exactly one thing from this one:")
    tile = Tile(
        picture.id, studio.library.thumbnails([picture])[0], picture.params.prompt or "Picture"
    )
    if tiles([tile], key="near", width=92, strip=True):
        details(picture.id)


def _filter(studio: Studio) -> None:
    """Builds a search from any setting and its values, for those who would rather not type."""
    box = st.popover("Filter", icon=":material/filter_alt:", key="filter", on_change="rerun")
    if box.open:
        with box:
            name = st.selectbox(
                "Setting",
                FILTERS,
                key="filter_name",
                format_func=label,
                help="What the newest pictures used, the most frequent first.",
            )
            values = studio.library.values(name, studio.owner)
            st.pills(
                "Is",
                values,
                key="filter_value",
                on_change=_filtered,
                format_func=lambda value: value_text(name, value) or "empty",
            )
            st.caption(SYNTAX)


def _filtered() -> None:
    """Adds a condition to the search, in place of an earlier one on the same setting."""
    state = st.session_state
    name, value = state["filter_name"], state["filter_value"]
    parts = [part for part in state.get("find", "").split() if not part.startswith(f"{name}=")]
    state["find"] = " ".join(
        [*parts, f'{name}="{value}"' if " " in str(value) else f"{name}={value}"]
    )
    state["filter_value"] = None


def _summary(studio: Studio, search: Query, total: Total) -> None:
    """Says how many pictures there are and how long they took, or why there are none."""
    if not total.count:
        _nothing(search)
        return
    st.caption(
        f"{many(total.count, 'picture')} · {lasting(total.seconds)} of work · "
        f"{lasting(total.mean)} each"
    )
    if search.deleted:
        _purge(studio, total.count)


@whole.fragment()
def _list(studio: Studio, search: Query, choosing: bool) -> None:
    """Sends the newest pictures, or the next ones when the end was reached; never again those on
    the screen."""
    after = asked_for()
    page = studio.library.page(search, studio.owner, after, A_PAGE)
    groups = {group.id: group for group in studio.library.groups(page.pictures, studio.owner)}
    matches = studio.library.matches(search, groups, studio.owner)
    same = {id: group.same for id, group in groups.items()}
    headings = {id: _heading(group, matches.get(id, 0)) for id, group in groups.items()}
    stretches = [
        Stretch(
            _placed(studio, search, page.pictures, same),
            None if after is None else after - 1,
            page.next,
            _placed(studio, search, _rest(studio, search, page.next, groups, matches), same),
        )
    ]
    if after is None:
        stretches += [_again(studio, search, at) for at in st.session_state.get("looked_at", ())]
    done = gallery(
        repr((search, studio.owner)),
        stretches,
        headings,
        chosen.ids() if choosing else None,
        traces.traces(studio, search, groups.values()),
        lambda what, id: _ON_TRACE[what](studio, id),
    )
    if done.refused:
        st.toast(done.refused, icon=":material/info:", duration="long")
    elif done.dropped:
        foreign.drop(done.dropped)
    elif done.opened and choosing:
        chosen.turn(done.opened)
        st.rerun()
    elif done.opened and (picture := studio.library.get(done.opened, studio.owner)):
        st.session_state["looked_at"] = [picture.at, *st.session_state.get("looked_at", ())][:20]
        details(picture.id)


def _rest(
    studio: Studio,
    search: Query,
    end: int | None,
    groups: Mapping[int, Group],
    matches: Mapping[int, int],
) -> Sequence[SavedPicture]:
    """What the groups of a page have after its end: a group of four shows four, also where two of
    them are much older."""
    if end is None:
        return ()
    missing = {id: matches.get(id, 0) - len(group.pictures) for id, group in groups.items()}
    return studio.library.rest(search, studio.owner, end, missing)


_ON_TRACE = {"again": traces.try_again, "forgotten": traces.forget}


def _again(studio: Studio, search: Query, at: int) -> Stretch:
    """Sends again a picture that was opened, because its stars may have changed or it may be
    gone."""
    page = studio.library.page(search, studio.owner, at + 1, 1)
    pictures = [picture for picture in page.pictures if picture.at == at]
    same = {group.id: group.same for group in studio.library.groups(pictures, studio.owner)}
    return Stretch(_placed(studio, search, pictures, same), at, at)


def _placed(
    studio: Studio,
    search: Query,
    pictures: Sequence[SavedPicture],
    same: dict[int, dict[str, object]],
) -> tuple[Placed, ...]:
    base = studio.library.get(search.near, studio.owner) if search.near else None
    small = studio.library.thumbnails(pictures)
    drawn = [
        Tile(
            picture.id,
            jpeg,
            picture.params.prompt or "Picture",
            _what_differs(picture, base) if base else _line(picture, same[picture.group]),
        )
        for picture, jpeg in zip(pictures, small, strict=True)
    ]
    return tuple(
        Placed(tile, picture.at, picture.group)
        for tile, picture in zip(drawn, pictures, strict=True)
    )


def _heading(group: Group, matches: int) -> Heading:
    total, saved = group.total, group.pictures[0]
    count = many(total.count, "picture")
    time = (
        f"{lasting(total.mean)} each, {lasting(total.seconds)} in all"
        if total.count > 1
        else lasting(total.seconds)
    )
    parts = [
        dates.spoken(moment(saved.group)),
        *settings_text(group.same),
        f"{saved.width} × {saved.height}",
        count if matches == total.count else f"{matches} of {count}",
        time,
    ]
    return Heading(saved.params.prompt or "No prompt", " · ".join(parts))


def _line(saved: SavedPicture, same: Collection[str]) -> str:
    """The line under a thumbnail: what sets this picture apart in its group."""
    own = {name: value for name, value in saved.params.asked().items() if name not in same}
    brief = [
        text.format(value_text(name, own[name])) for name, text in BRIEF.items() if name in own
    ]
    parts = [*filter(None, ["★" * saved.stars]), *brief, *settings_text(own, BRIEF)]
    return " · ".join(parts) or lasting(saved.timing.work)


def _what_differs(saved: SavedPicture, base: SavedPicture) -> str:
    """The one thing in which a picture differs from the base."""
    lasting = [
        f"{label(name)} {value_text(name, value) if KNOBS[name].is_plain else ''}"
        for name, (_, value) in differing(base.params, saved.params).items()
    ]
    return "".join(lasting) or (
        label_of(saved.backend) if saved.backend != base.backend else saved.model
    )


def _watch(studio: Studio, search: Query) -> None:
    """Shows new pictures by itself, except while a picture is open."""
    newest = _newest(studio, search)

    @whole.fragment(every=REFRESH_SECONDS)
    def watch() -> None:
        if "picture" not in st.query_params and _newest(studio, search) != newest:
            st.rerun()

    watch()


def _newest(studio: Studio, search: Query) -> tuple[int, ...]:
    """The moments of the newest pictures. Several, because a picture that was made at the same time
    as the newest one may be written after it."""
    with explained():
        page = studio.library.page(search, studio.owner, None, NEWEST)
        return tuple(picture.at for picture in page.pictures)
    return ()


def _nothing(search: Query) -> None:
    with st.container(
        border=True, height=220, horizontal_alignment="center", vertical_alignment="center"
    ):
        if search == replace(Query(), scope=search.scope, deleted=search.deleted):
            st.markdown(
                {
                    "mine": ":material/photo_library: Every picture you make is kept here.",
                    "shared": ":material/group: Nobody has shared a picture yet. Share one from "
                    "its details.",
                    "all": ":material/photo_library: There is no picture yet.",
                }[search.scope]
                if not search.deleted
                else ":material/delete: The bin is empty.",
                text_alignment="center",
            )
        else:
            st.markdown(
                ":material/search_off: Nothing fits. Take a word or a condition away.",
                text_alignment="center",
            )


def _purge(studio: Studio, count: int) -> None:
    with st.popover("Empty the bin", icon=":material/delete_forever:"):
        st.caption(f"{many(count, 'picture')} will be gone for good.")
        if st.button("Yes, empty it", type="primary", key="purge"):
            studio.library.purge(studio.owner)
            st.rerun()
