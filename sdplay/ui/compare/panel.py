"""Compare: a fair sweep over any settings, shown while it fills, measured, explained and saved."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.compare.axes import Setup, Typed
from sdplay.compare.explore.refine import refinable
from sdplay.compare.plan import Cheaper, Plan, limit, plan
from sdplay.params import Params
from sdplay.ui import whole
from sdplay.ui.compare import axes, chains, experiments, plan_line, sweep_view, sweeping
from sdplay.ui.compare.fairness_pill import pill
from sdplay.ui.compare.kinds import KINDS
from sdplay.ui.form import form, local_card
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked, links, sweep_link
from sdplay.wording import literal, many


def show(studio: Studio) -> None:
    """Shows one line for a plan that was run, otherwise what to vary and its cost; then the
    pictures."""
    with explained():
        sweep_link.arrive(studio)
    chains.show(studio)
    was_running = _is_running(studio)
    sweep = plan_line.show(studio, lambda: _files(studio)) if sweeping.mine(studio) else None
    opened = sweeping.plan_open(studio)
    # Folded away it is drawn all the same: its controls would forget what they hold.
    with st.container(gap="small", key="plan_opened" if opened else "plan_folded"):
        with st.container(
            horizontal=True, vertical_alignment="center", gap="xsmall", key="lab_head"
        ):
            kind = st.segmented_control(
                "Kind of comparison",
                list(KINDS),
                default="Grid",
                **linked.bound("lab"),
                required=True,
                label_visibility="collapsed",
            )
            if not sweep:
                st.space("stretch")
                _files(studio)
        with st.container(border=True, gap="small", key="lab_card"):
            form.prompts(studio.capabilities)
            _card(studio, str(kind))
    if sweep:
        sweep_view.show(studio, sweep)
    else:
        sweep_view.welcome()
    if was_running and not _is_running(studio):
        st.rerun()  # it ended while it was drawn: what stands above still says that it runs


def _is_running(studio: Studio) -> bool:
    return any(sweep.running for sweep in sweeping.mine(studio))


def _files(studio: Studio) -> None:
    """Offers a link to what is on the screen, and opens a plan from a file."""
    links.share(studio, "Compare", lambda: sweep_link.offered(studio))
    experiments.open_file(studio)


@whole.fragment()
def _card(studio: Studio, view: str) -> None:
    """The only part that is drawn again while values are typed."""
    run_at_once = st.session_state.pop("lab_go", False)  # now, or never: not with a later click
    with explained():
        base = form.asked(studio.capabilities)
        plan = _planned(studio, base, view)
        _price(studio, plan, run_at_once)
        _offer_cheaper(plan, view)


def _varied(studio: Studio, base: Params, view: str) -> list[tuple[str, Typed]]:
    """Asks what to vary in this view, and offers further axes."""
    offer = replace(sweeping.bench(False).offer(studio.backend.name), prompt=base.prompt)
    names = linked.axis_names(studio.capabilities)
    varied: list[tuple[str, Typed]] = KINDS[view].module.pick(studio, base)
    with _more_axes():
        return varied + axes.pick_both(axes.PAGES, offer, names)


def _more_axes() -> DeltaGenerator:
    """Further axes in an expander. Closed, its label says what it holds; values from a link or a
    file open it."""
    names = axes.active(axes.PAGES)
    return st.expander(
        f"More axes: {literal(' and '.join(names))}" if names else "More axes",
        expanded=bool(names),
        type="compact",
        icon=":material/layers:",
        key="more_axes",
    )


def _planned(studio: Studio, base: Params, view: str) -> Plan:
    varied = _varied(studio, base, view)
    facts = sweeping.bench(False).facts(
        studio.backend.name, studio.library, sweeping.speeds(), owner=studio.owner
    )
    called = {"preset": KINDS[view].row} if KINDS[view].row else {}

    # By the form's seed, also where seeds are varied: other words would be a second difference.
    drawn = form.drawing(base.seed, studio.capabilities)

    def settled(setup: Setup) -> Setup:
        params = drawn(setup.params)
        return setup if params is setup.params else replace(setup, params=params)

    facts = replace(facts, called=called, settled=settled)
    return plan(Setup(studio.backend.name, base), varied, facts)


def _price(studio: Studio, plan: Plan, run_at_once: bool) -> None:
    """Shows whether the plan is fair, what it costs, and the button."""
    notes = list(plan.notes)
    if form.draws_words(studio.capabilities):
        seed = plan.base.params.seed
        notes.append(f"The words are drawn once, by the form's seed {seed}, for all pictures.")
    for note in notes:
        st.caption(f":orange[:material/info:] {literal(note)}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="price"):
        pill(plan, "plan")
        st.caption(literal(plan.sentence), width="content")
        st.space("stretch")
        frames = False
        if studio.capabilities.offers("frames"):
            frames = st.toggle(
                "Keep frames",
                key="lab_frames",
                help="Keep what was seen at every step, for the "
                "filmstrip: slower, each is decoded. Pictures kept without are made again.",
            )
        plan = _coarse_to_fine(plan)
        sure = not plan.needs_confirmation or st.checkbox(
            f"Yes, {many(plan.pictures, 'picture')}",
            key="lab_sure",
            help=f"More than {limit():,} pictures need a word from you.",
        )
        allowed = sure and not local_card.unready(studio.backend.name, studio.capabilities)
        pressed = st.button(
            _go(studio, plan),
            icon=":material/play_arrow:",
            type="primary",
            key="run",
            disabled=not allowed,
        )
        if (pressed or run_at_once) and allowed:
            written = form.as_written(plan.base.params, studio.capabilities)
            sweeping.start(studio, plan, frames, written)
            st.rerun()


def _coarse_to_fine(plan: Plan) -> Plan:
    """Offers to make a sparse grid first, if that can save pictures."""
    if not refinable(plan):
        return plan
    refine = st.toggle(
        "Coarse to fine",
        key="lab_refine",
        help="A sparse grid first, then only where neighbours differ: fewer pictures, and none "
        "where nothing changes.",
    )
    return replace(plan, refine=bool(refine))


def _go(studio: Studio, plan: Plan) -> str:
    """The label of the button: how many pictures a click makes."""
    if not plan.pictures:
        return "Show what the library has"
    verb = "Continue with" if sweeping.edited(studio) else "Run"
    verb += " up to" * plan.refine
    return f"{verb} {many(plan.pictures, 'picture')}"


def _offer_cheaper(plan: Plan, view: str) -> None:
    """Offers a plan with fewer values. A click writes them into the fields."""
    places = linked.PLACES if view == "Grid" else axes.PAGES
    if cheaper := plan.cheaper:
        for place in places:
            if st.session_state.get(f"{place}_axis") == cheaper.axis:
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    st.caption(f":material/savings: {literal(cheaper.sentence)}", width="content")
                    st.button(
                        "Use it",
                        type="tertiary",
                        key="cheaper",
                        on_click=_use,
                        args=(place, cheaper),
                    )


def _use(place: str, cheaper: Cheaper) -> None:
    st.session_state[f"{place}_values"] = cheaper.values
