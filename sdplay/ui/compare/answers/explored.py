"""What a sweep says of words, of repeats and of two backends, with the pictures that it means."""

import json

import streamlit as st

from sdplay.compare.evidence.contribution import WordByWord
from sdplay.compare.evidence.latency import Latencies
from sdplay.compare.explore.refine import refined_sentence
from sdplay.compare.results import SPARED
from sdplay.sweeps import Sweep
from sdplay.ui.compare import sweeping
from sdplay.ui.compare.answers.drawn import Plotted, draw
from sdplay.ui.compare.answers.shapes import ROWS
from sdplay.ui.compare.answers.verdict import findings
from sdplay.ui.compare.cells import Results
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.picture.details import details
from sdplay.ui.session import Studio
from sdplay.wording import literal

DOTS = json.dumps(
    {
        "data": {"name": ROWS.name},
        "height": 300,
        "mark": {"type": "point", "filled": True, "size": 70, "tooltip": True},
        "encoding": {
            "x": {"field": "run", "type": "ordinal", "title": "Run", "axis": {"labelAngle": 0}},
            "y": {"field": "seconds", "type": "quantitative", "title": "Seconds"},
            "color": {
                "field": "cell",
                "type": "nominal",
                "title": None,
                "legend": {"orient": "bottom", "labelLimit": 0, "columns": 2},
            },
        },
        "description": "Seconds of each run.",
    }
)


def show(studio: Studio, sweep: Sweep) -> None:
    """One part for each question that the plan asks; nothing where it asks none of them."""
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
    """How much coarse to fine saved, and a way to make the rest."""
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
    """The pictures without each part, the strongest first, and what that says."""
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
    """Every run as a dot, and the figures."""
    with st.container(border=True, key="latency"):
        rows = [
            {"cell": cell.label or "this picture", "run": run, "seconds": round(seconds, 4)}
            for cell in timed.cells
            for run, seconds in enumerate((cell.cold, *cell.warm), 1)
        ]
        columns = {"cell": "Picture", "run": "Run", "seconds": "Seconds"}
        question = "How long does it take, and how evenly?"
        draw(studio, sweep, Plotted("latency", question, DOTS, rows, columns))
        for sentence in timed.sentences:
            st.markdown(f":material/timer: {literal(sentence)}")
