"""Compare: a fair sweep over anything, seen as it fills, measured, explained and taken away."""

import streamlit as st

from sdplay.compare.axes import Setup, Typed
from sdplay.compare.guard import guard, label, plan_sentence, value_text
from sdplay.compare.plan import Plan, limit, plan
from sdplay.ui import axes, experiments, form, sweep_view, sweeping, variants
from sdplay.ui.problems import explained, plain
from sdplay.ui.session import Studio


def show(studio: Studio) -> None:
    """What to vary, what it costs, then the newest sweep."""
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control("View", ("Grid", "Variants"), default="Grid", key="lab", bind="query-params",
                                    required=True, label_visibility="collapsed")  # fmt: skip
        st.space("stretch")
        experiments.open_file(studio)
    with st.container(border=True, gap="small", key="lab_card"):
        form.prompts(studio.capabilities)
        _card(studio, str(view))
    sweep_view.newest(studio)


@st.fragment
def _card(studio: Studio, view: str) -> None:
    """The only part that runs again while values are typed."""
    with explained():
        varied = variants.pick(studio) if view == "Variants" else _grid(studio)
        made = _planned(studio, varied)
        _price(studio, made)
    st.caption(f"Everything else is as in the form: {plain(_baseline(studio))}")


def _grid(studio: Studio) -> list[tuple[str, Typed]]:
    """Two axes side by side, further ones on request."""
    offer = sweeping.bench(False).offer(studio.backend.name)
    features = studio.capabilities.features
    varied = []
    for column, place in zip(st.columns(2, gap="medium"), ("x", "y"), strict=True):
        with column:
            varied += axes.pick((place,), offer, features)
    with st.expander("More axes", icon=":material/layers:", key="more_axes"):
        for column, place in zip(st.columns(2, gap="medium"), ("z", "w"), strict=True):
            with column:
                varied += axes.pick((place,), offer, features)
    return varied


def _planned(studio: Studio, varied: list[tuple[str, Typed]]) -> Plan:
    base = Setup(studio.backend.name, form.asked(studio.capabilities))
    facts = sweeping.bench(False).facts(studio.backend.name, studio.library, sweeping.speeds(), owner=studio.owner)
    return plan(base, varied, facts)


def _price(studio: Studio, made: Plan) -> None:
    """The guard's verdict, the price, a cheaper way, and the button."""
    st.markdown(f":material/balance: {plain(_verdict(made))}")
    for note in made.notes:
        st.caption(f":orange[:material/info:] {plain(note)}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(made.sentence))
        st.space("stretch")
        frames = False
        if studio.capabilities.offers("frames"):
            frames = st.toggle("Keep frames", key="lab_frames", help="Keep what was seen at every step, for the "
                               "filmstrip. Pictures kept without frames are made again.")  # fmt: skip
        sure = not made.needs_confirmation or st.checkbox(
            f"Yes, {made.pictures:,} pictures", key="lab_sure",
            help=f"More than {limit():,} pictures need a word from you.")  # fmt: skip
        many = "picture" if made.pictures == 1 else "pictures"
        label = f"Run {made.pictures:,} {many}" if made.pictures else "Show what the library has"
        pressed = st.button(label, icon=":material/play_arrow:", type="primary", key="run", disabled=not sure)
        if pressed or (st.session_state.pop("lab_go", False) and sure):
            sweeping.start(studio, made, frames)
            st.rerun()
    if made.cheaper:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":material/savings: {plain(made.cheaper.sentence)}")
            st.button("Take it", type="tertiary", key="cheaper", on_click=_cheaper, args=(made,))


def _verdict(made: Plan) -> str:
    """Along every axis; whole presets are compared with each other."""
    if [each.axis.id for each in made.varied] == ["preset"]:
        return guard([cell.setup for cell in made.cells]).sentence
    return plan_sentence(made)


def _cheaper(made: Plan) -> None:
    if made.cheaper:
        for place in axes.PLACES:
            if st.session_state.get(f"{place}_axis") == made.cheaper.axis:
                st.session_state[f"{place}_values"] = made.cheaper.values


def _baseline(studio: Studio) -> str:
    asked = form.asked(studio.capabilities).asked()
    told = [f"{label(name)} {value_text(name, value)}" for name, value in asked.items()
            if name not in ("prompt", "negative", "width", "height")]  # fmt: skip
    size = f"{asked['width']} × {asked['height']}" if "width" in asked else ""
    return ", ".join(filter(None, [*told, size])) + "."
