"""Library: everything made here, grouped, searched, starred, shared, exported and imported."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import streamlit as st

from sdplay.compare.guard import label, settings_text, value_text
from sdplay.library import Kept, Query, Total
from sdplay.library.query import query
from sdplay.params import KNOBS, differing
from sdplay.ui import whole
from sdplay.ui.components.gallery import Heading, Placed, Stretch, asked_for, gallery
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.library import carry, chosen, foreign
from sdplay.ui.picture.details import details
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked, links
from sdplay.wording import lasting, many

A_PAGE = 48
REFRESH_SECONDS = 4.0
SYNTAX = (
    "Words of the prompt, and any setting: `fox -blue steps=20 cfg=5..9 stars>=3 "
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
"""Settings that need no longer name under a thumbnail."""


def show(studio: Studio) -> None:
    """Search, then groups of pictures, newest first; more come as one scrolls."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="finding"):
        text = st.text_input(
            "Search",
            **linked.bound("find"),
            placeholder="fox steps=20 stars>=3",
            help=SYNTAX,
        )
        _filter(studio)
        scope = st.segmented_control(
            "Pictures",
            list(linked.SCOPES),
            default="mine",
            required=True,
            **linked.bound("whose"),
            format_func=linked.SCOPES.__getitem__,
        )
    with explained():
        asked = query(text, scope="mine" if scope == "bin" else str(scope), deleted=scope == "bin")
        total = studio.library.total(asked, studio.owner)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="acting"):
            choosing = st.toggle(
                "Choose",
                bool(chosen.ids()),
                key="choosing",
                help="Click pictures: two are compared, any number exported, shared or deleted.",
            )
            foreign.read_a_picture(studio)
            carry.carry(studio, asked, total.count)
            links.share(studio, "Library")
        if choosing:
            chosen.show(studio)
        if asked.near:
            _base(studio, asked.near)
        _summary(studio, asked, total)
        _list(studio, asked, choosing)
        _damaged(studio)
        _watch(studio, asked)
        foreign.dropped(studio)


def _damaged(studio: Studio) -> None:
    """Say that pictures were left out, and what their owner can do."""
    if count := studio.library.damaged_of(studio.owner):
        st.warning(
            f"{many(count, 'picture')} cannot be listed: the record is damaged. The picture files "
            "are safe: `python -m sdplay library reindex --adopt NAME` on the server lists them "
            "again with the settings inside them.",
            icon=":material/healing:",
        )


@whole.fragment()
def _base(studio: Studio, id: str) -> None:
    """The picture from which each of the others differs in one thing."""
    kept = studio.library.get(id, studio.owner)
    if kept is None:
        st.info(
            "The picture that these would differ from is not here, or its owner keeps it private.",
            icon=":material/lock:",
        )
        return
    st.caption("Each differs in exactly one thing from this one:")
    tile = Tile(kept.id, studio.library.thumbnails([kept])[0], kept.params.prompt or "Picture")
    if tiles([tile], key="near", width=92, strip=True):
        details(kept.id)


def _filter(studio: Studio) -> None:
    """Any setting and the values that were used, for those who would rather not type."""
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


def _filtered() -> None:
    """Another condition into the search, in place of one on the same setting."""
    state = st.session_state
    name, value = state["filter_name"], state["filter_value"]
    kept = [part for part in state.get("find", "").split() if not part.startswith(f"{name}=")]
    state["find"] = " ".join(
        [*kept, f'{name}="{value}"' if " " in str(value) else f"{name}={value}"]
    )
    state["filter_value"] = None


def _summary(studio: Studio, asked: Query, total: Total) -> None:
    """How many, and the time they took; or why there is nothing."""
    if not total.count:
        _nothing(asked)
        return
    st.caption(
        f"{many(total.count, 'picture')} · {lasting(total.seconds)} of work · "
        f"{lasting(total.mean)} each"
    )
    if asked.deleted:
        _purge(studio, total.count)


@whole.fragment()
def _list(studio: Studio, asked: Query, choosing: bool) -> None:
    """The newest, or what comes after the end that was seen: never all that is on the screen."""
    after = asked_for()
    page = studio.library.page(asked, studio.owner, after, A_PAGE)
    groups = {group.id: group for group in studio.library.groups(page.kept, studio.owner)}
    same = {id: group.same for id, group in groups.items()}
    headings = {
        id: _heading(group.same, group.kept[0], group.total) for id, group in groups.items()
    }
    stretches = [
        Stretch(
            _placed(studio, asked, page.kept, same), None if after is None else after - 1, page.next
        )
    ]
    if after is None:
        stretches += [_again(studio, asked, at) for at in st.session_state.get("looked_at", ())]
    done = gallery(
        repr((asked, studio.owner)), stretches, headings, chosen.ids() if choosing else None
    )
    if done.refused:
        st.toast(done.refused, icon=":material/info:", duration="long")
    elif done.dropped:
        foreign.drop(done.dropped)
    elif done.opened and choosing:
        chosen.turn(done.opened)
        st.rerun()
    elif done.opened and (kept := studio.library.get(done.opened, studio.owner)):
        st.session_state["looked_at"] = [kept.at, *st.session_state.get("looked_at", ())][:20]
        details(kept.id)


def _again(studio: Studio, asked: Query, at: int) -> Stretch:
    """A picture that was looked at, as it is now: its stars may be others, or it is gone."""
    page = studio.library.page(asked, studio.owner, at + 1, 1)
    kept = [one for one in page.kept if one.at == at]
    same = {group.id: group.same for group in studio.library.groups(kept, studio.owner)}
    return Stretch(_placed(studio, asked, kept, same), at, at)


def _placed(
    studio: Studio, asked: Query, pictures: Sequence[Kept], same: dict[int, dict[str, object]]
) -> tuple[Placed, ...]:
    base = studio.library.get(asked.near, studio.owner) if asked.near else None
    small = studio.library.thumbnails(pictures)
    shown = [
        Tile(
            one.id,
            jpeg,
            one.params.prompt or "Picture",
            _apart(one, base) if base else _line(one, same[one.group]),
        )
        for one, jpeg in zip(pictures, small, strict=True)
    ]
    return tuple(Placed(tile, one.at, one.group) for tile, one in zip(shown, pictures, strict=True))


def _heading(same: dict[str, object], saved: Kept, total: Total) -> Heading:
    time = (
        f"{lasting(total.mean)} each, {lasting(total.seconds)} in all"
        if total.count > 1
        else lasting(total.seconds)
    )
    parts = [
        *settings_text(same),
        f"{saved.width} × {saved.height}",
        many(total.count, "picture"),
        time,
    ]
    return Heading(saved.params.prompt or "No prompt", " · ".join(parts))


def _line(saved: Kept, same: Collection[str]) -> str:
    """What sets this one apart in its group."""
    own = {name: value for name, value in saved.params.asked().items() if name not in same}
    brief = [
        text.format(value_text(name, own[name])) for name, text in BRIEF.items() if name in own
    ]
    parts = [*filter(None, ["★" * saved.stars]), *brief, *settings_text(own, BRIEF)]
    return " · ".join(parts) or lasting(saved.timing.work)


def _apart(saved: Kept, base: Kept) -> str:
    """The one thing that is other than in the base."""
    lasting = [
        f"{label(name)} {value_text(name, value) if KNOBS[name].is_plain else ''}"
        for name, (_, value) in differing(base.params, saved.params).items()
    ]
    return "".join(lasting) or (saved.backend if saved.backend != base.backend else saved.model)


def _watch(studio: Studio, asked: Query) -> None:
    """What is made meanwhile appears by itself, unless a picture is being looked at."""
    seen = _newest(studio, asked)

    @whole.fragment(every=REFRESH_SECONDS)
    def watch() -> None:
        if "picture" not in st.query_params and _newest(studio, asked) != seen:
            st.rerun()

    watch()


def _newest(studio: Studio, asked: Query) -> int:
    with explained():
        return max(
            (one.at for one in studio.library.page(asked, studio.owner, None, 1).kept), default=0
        )
    return 0


def _nothing(asked: Query) -> None:
    with st.container(
        border=True, height=220, horizontal_alignment="center", vertical_alignment="center"
    ):
        if asked == replace(Query(), scope=asked.scope, deleted=asked.deleted):
            st.markdown(
                {
                    "mine": ":material/photo_library: Every picture you make is kept here.",
                    "shared": ":material/group: Nobody has shared a picture yet. Share one from "
                    "its details.",
                    "all": ":material/photo_library: There is no picture yet.",
                }[asked.scope]
                if not asked.deleted
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
