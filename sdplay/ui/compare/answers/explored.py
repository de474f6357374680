"""What a sweep says about words, repeats and two backends, with the pictures behind it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from sdplay.compare.evidence.contribution import WordByWord
from sdplay.compare.evidence.latency import Latencies, Latency
from sdplay.compare.explore.refine import refined_sentence
from sdplay.compare.results import SPARED
from sdplay.sweeps import Sweep
from sdplay.ui.compare import sweeping
from sdplay.ui.compare.answers import shapes
from sdplay.ui.compare.answers.drawn import Plotted, draw
from sdplay.ui.compare.answers.shapes import Legend
from sdplay.ui.compare.answers.verdict import findings
from sdplay.ui.compare.cells import Results
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.picture.details import details
from sdplay.ui.session import Studio
from sdplay.wording import literal

MOST_CELLS = 12
"""The most lines of a chart, because more cannot be told apart."""


def show(studio: Studio, sweep: Sweep) -> None:
    """Shows a part for each question that the plan asks."""
    results = sweep.results()
    _spared(sweep, results)
    judged = findings(studio, sweep, results)
    if judged.words:
        _words(studio, sweep, results, judged.words)
    if judged.latencies:
        _latencies(studio, sweep, judged.latencies)
    for parity in judged.parities:
        with st.container(border=True, key=f"parity_{parity.right}"):
            icon = "check_circle" if parity.level in ("same", "alike") else "difference"
            st.markdown(f":material/{icon}: {literal(parity.sentence)}")


def _spared(sweep: Sweep, results: Results) -> None:
    """How many pictures "coarse to fine" saved, and a button that makes the others."""
    count = sum(result.state == SPARED for result in results.values())
    if not count:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="spared"):
        total = sum(not cell.skip for cell in sweep.plan.cells)
        st.markdown(
            f":material/savings: {literal(refined_sentence(total - count, total))}",
            width="content",
        )
        if st.button(f"Make the other {count:,} too", type="tertiary", key="sweep_fill"):
            sweep.fill()
            st.rerun()


def _words(studio: Studio, sweep: Sweep, results: Results, words: WordByWord) -> None:
    """The pictures without each part of the prompt, the strongest change first, and what they
    say."""
    with st.container(border=True, key="word_by_word"):
        st.markdown("**Which words matter?**")
        small = sweeping.thumbnails(studio, [results[part.at].picture for part in words.parts])
        ranked = [
            Tile(id, small[id], f"without {part.part}", f"{part.part} · {part.score:.2f}")
            for part in words.parts
            if (id := results[part.at].picture) in small
        ]
        opened = tiles(ranked, f"words_{sweep.group}", width=112)
        for sentence in words.sentences:
            st.markdown(f":material/match_word: {literal(sentence)}")
    if opened:
        details(opened)


def _latencies(studio: Studio, sweep: Sweep, timed: Latencies) -> None:
    """A dot for every run, and the numbers."""
    cells = timed.cells[:MOST_CELLS]
    names = {_named(cell) for cell in cells}
    legend = Legend.of(names) if len(names) > 1 else Legend.none()
    columns = {"label": "Picture", "x": "Run", "distance": "Seconds"}
    question = "How long does it take, and how evenly?"
    plotted = Plotted("latency", question, shapes.runs(legend), _runs(cells), columns)
    with st.container(border=True, key="latency"):
        draw(studio, sweep, plotted)
        if len(timed.cells) > MOST_CELLS:
            st.caption(f"The first {MOST_CELLS} of {len(timed.cells)} are drawn.")
        for sentence in timed.sentences:
            st.markdown(f":material/timer: {literal(sentence)}")


def _runs(cells: Sequence[Latency]) -> list[dict[str, Any]]:
    return [
        {
            "label": _named(cell),
            "colour": shapes.wrapped(_named(cell)),
            "x": run,
            "distance": round(seconds, 4),
        }
        for cell in cells
        for run, seconds in enumerate((cell.cold, *cell.warm), 1)
    ]


def _named(cell: Latency) -> str:
    return cell.label or "this picture"
