"""Whether the pictures show what was prompted, over CFG, steps, or whatever was varied as an
amount."""

import streamlit as st

from sdplay.compare.evidence.prompt_match import MeanMatch, PromptMatch
from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare.answers import shapes
from sdplay.ui.compare.answers.drawn import Plotted, Row, draw
from sdplay.ui.compare.answers.shapes import Legend, wrapped
from sdplay.ui.compare.answers.verdict import findings
from sdplay.ui.session import Studio
from sdplay.wording import literal

WHO = (
    "Prompt match is how sure the judge is, a small network that was trained beside the built-in "
    "model. It knows that model's world only."
)


def show(studio: Studio, sweep: Sweep) -> None:
    """Shows what the judge says, and a chart if an amount was varied."""
    matching = findings(studio, sweep, sweep.results()).matching
    if matching is None:
        return
    with st.container(border=True, key="matching"):
        if matching.across:
            _chart(studio, sweep, matching)
        st.markdown(f":material/quick_reference_all: {literal(matching.sentence)}")
        st.caption(WHO)


@whole.fragment()
def _chart(studio: Studio, sweep: Sweep, matching: PromptMatch) -> None:
    """Prompt match over one amount, with a line for each place on the other axes."""
    chosen = str(st.session_state.get("match_across"))
    name = chosen if chosen in matching.across else next(iter(matching.across))
    levels = list(matching.levels(name))
    lines = {level.line for level in levels}
    legend = Legend.of({wrapped(line) for line in lines}) if len(lines) > 1 else Legend.none()
    across = matching.across[name]
    plotted = Plotted(
        "matching",
        "Does it show what was prompted?",
        shapes.matches(across, legend),
        [_row(level) for level in levels],
        {"label": "Picture", "x": across, "distance": "Prompt match"},
    )
    draw(studio, sweep, plotted, levels[-1].at, lambda: _across(matching))


def _across(matching: PromptMatch) -> None:
    if len(matching.across) > 1:
        st.segmented_control(
            "Prompt match across",
            list(matching.across),
            default=next(iter(matching.across)),
            required=True,
            key="match_across",
            format_func=matching.across.__getitem__,
            label_visibility="collapsed",
        )


def _row(level: MeanMatch) -> Row:
    return {
        "label": level.label,
        "x": level.value,
        "distance": level.match,
        "most": 1.0,
        "at": ",".join(map(str, level.at)),
        "curve": level.line,
        "colour": wrapped(level.line),
    }
