"""What a finished sweep says in one sentence, above its pictures."""

import streamlit as st

from sdplay.compare.evidence.findings import Findings, find_out
from sdplay.compare.evidence.headline import headline
from sdplay.compare.evidence.measures import COLOUR, MEASURES, Difference
from sdplay.compare.experiment import Reproduction
from sdplay.compare.results import Result
from sdplay.sweeps import Sweep
from sdplay.ui.compare import cells, experiments, sweeping
from sdplay.ui.compare.cells import Results
from sdplay.ui.session import Studio
from sdplay.wording import literal

MEASURING = "Measuring what the pictures say …"


def waiting(sweep: Sweep) -> None:
    """Keeps the place of the verdict until the pictures are drawn."""
    if not sweep.running:
        st.caption(f":material/hourglass_empty: {MEASURING}")


def show(studio: Studio, sweep: Sweep) -> None:
    """Shows whether the sweep was reproduced, and what its pictures say, with the reason."""
    again = experiments.reproduction(sweep)
    with st.container(gap="xsmall", key="verdict"):
        if again:
            st.markdown(f":{_icon(again)} {literal(again.sentence)}")
        if sentence := _sentence(studio, sweep):
            st.markdown(f":primary[:material/lightbulb:] **{literal(sentence)}**")
        if unread := findings(studio, sweep, sweep.results()).unread:
            st.markdown(f":orange[:material/warning:] {literal(unread)}")


def _icon(again: Reproduction) -> str:
    if again.differs:
        return "orange[:material/warning:]"
    return "green[:material/verified:]" if again.is_proof else "gray[:material/info:]"


def _sentence(studio: Studio, sweep: Sweep) -> str:
    results = sweep.results()

    def between(left: Result, right: Result) -> Difference | None:
        return sweeping.measure(studio, left, right)

    return headline(findings(studio, sweep, results), results, between)


def findings(studio: Studio, sweep: Sweep, results: Results) -> Findings:
    """The findings, judged once for each state of the sweep, reference and measure. Each pair is
    measured once."""
    chosen = cells.picked(sweep, results)[0] if st.session_state.get("against") == "A" else None
    measure = MEASURES.get(st.session_state.get("measure", ""), COLOUR)
    key = f"found_{sweep.group}"
    state = (chosen, measure.id, sum(result.done for result in results.values()))
    if st.session_state.get(key, (None, None))[0] != state:
        judged = find_out(
            sweep.plan,
            results,
            lambda left, right: sweeping.measure(studio, left, right),
            matched=lambda result: sweeping.matched(studio, result),
            chosen=results[chosen] if chosen else None,
            measure=measure,
        )
        st.session_state[key] = (state, judged)
    return st.session_state[key][1]  # type: ignore[no-any-return]
