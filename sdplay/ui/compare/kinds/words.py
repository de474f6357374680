"""Word by word: the prompt without each of its parts, one at a time."""

import streamlit as st

from sdplay.compare.axes import Offer, Typed, axis
from sdplay.compare.explore.prompt_parts import EVERY_PART, EVERY_WORD
from sdplay.params import Params
from sdplay.ui.compare.axes import echo
from sdplay.ui.session import Studio
from sdplay.ui.share import linked

MOST_SEEDS = 8


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """Asks which parts to leave out, and over how many seeds to judge them."""
    left, right = st.columns(2, gap="medium")
    with left:
        parts = st.text_input(
            "Leave out",
            EVERY_WORD,
            **linked.bound("leave_out"),
            help=f"`{EVERY_WORD}`, `{EVERY_PART}` between commas, or words of your own: red, fox.",
        )
        echo(axis("prompt_without").marks, parts, Offer(prompt=base.prompt))
    with right:
        seeds = st.segmented_control(
            "Seeds",
            [str(count) for count in (1, 2, 4, MOST_SEEDS)],
            default="1",
            required=True,
            **linked.bound("word_seeds"),
            help="Over several seeds the ranking is no accident of one picture.",
        )
        st.caption("Each picture is laid against the one of the whole prompt.")
    varied: list[tuple[str, Typed]] = [("prompt_without", parts)]
    if int(seeds or 1) > 1:
        varied.append(("seed", f"{base.seed}-{base.seed + int(seeds) - 1}"))
    return varied
