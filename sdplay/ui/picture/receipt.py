"""The receipt: what was asked, what was sent, what was applied, and where the time went."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sdplay import work
from sdplay.compare.guard import value_text
from sdplay.library import SavedPicture
from sdplay.params import KNOBS
from sdplay.picture import Receipt, Timing
from sdplay.schedulers import find
from sdplay.ui.components.timebar import timebar
from sdplay.ui.problems import text_of_others
from sdplay.wording import lasting, literal, many

SAME, OTHER, SILENT, OWN_WORDS = (
    ":green[:material/check:]",
    ":orange[:material/swap_horiz:]",
    ":gray[:material/help:]",
    ":gray[:material/edit:]",
)
WRITTEN = {"written_prompt": "As you wrote it", "written_negative": "To avoid, as you wrote it"}
MORE = {**WRITTEN, "size": "Size", "server_options": "Server's own options"}
"""Rows of the receipt that are not knobs."""
LONGEST_WARNING = 300
"""The most letters of a warning, because the record of an old picture may list a thousand words."""
HIDDEN = ("width", "height", "extra")


NAMES = {"company": "others' turns"}
"""Clearer names for parts of a picture's time."""


def timing(saved: SavedPicture, key: str, waited: float = 0.0, reused: bool = False) -> None:
    """Shows the total time, the speed, and a bar with the parts."""
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(
            lasting(saved.timing.total),
            icon=":material/timer:",
            color="violet",
            help="From the request to the finished picture.",
        )
        if saved.timing.sampling and work.calls(saved.params):
            calls = work.calls(saved.params)
            st.badge(
                f"{calls / saved.timing.sampling:.3g} it/s",
                icon=":material/speed:",
                color="gray",
                help=f"The model was asked {many(calls, 'time')} in "
                f"{lasting(saved.timing.sampling)}.",
            )
        if reused:
            st.badge(
                "from your library",
                icon=":material/inventory_2:",
                color="green",
                help="Made before with exactly these settings, so it was not made again. "
                "The times are from back then.",
            )
        if saved.partial:
            st.badge(
                "partial",
                icon=":material/incomplete_circle:",
                color="orange",
                help="Stopped before the end.",
            )
    timebar(_parts(saved.timing, waited), key=f"time_{key}")


def receipt(saved: SavedPicture, key: str, title: str = "Receipt: asked, sent, applied") -> None:
    """Shows each setting with a mark, a verdict, and the whole receipt in an expander."""
    show = st.info if saved.made_from else st.warning
    for warning in saved.receipt.warnings:
        show(text_of_others(warning, LONGEST_WARNING), icon=":material/info:")
    rows = _rows(saved.receipt)
    st.table(
        {
            label: f"{shown(name, requested if mark in (SILENT, OWN_WORDS) else got)} {mark}"
            for label, (name, requested, got, mark) in rows.items()
        },
        border="horizontal",
        hide_header=True,
    )
    st.caption(_verdict(saved.receipt, rows))
    with st.expander(title, icon=":material/receipt_long:", key=f"receipt_{key}"):
        st.table(
            {
                "Setting": list(rows),
                "Asked": [shown(name, requested) for name, requested, _, _ in rows.values()],
                "Applied": [f"{shown(name, got)} {mark}" for name, _, got, mark in rows.values()],
            },
            border="horizontal",
            hide_index=True,
        )
        st.caption("Sent, as it went out:")
        st.json(dict(saved.receipt.sent), expanded=1)


def shown(name: str, value: Any) -> str:
    """A setting's value as people read it, safe inside markdown and short enough for a row."""
    if value is None:
        return "—"
    if name == "scheduler" and (entry := find(str(value))):
        return literal(entry.label)
    if name == "size":
        return f"{value[0]} × {value[1]}"
    if isinstance(value, float):
        return f"{value:g}"
    is_picture = name in KNOBS and KNOBS[name].kind is bytes
    is_text = isinstance(value, str) and not is_picture
    return text_of_others(str(value) if is_text else value_text(name, value), 90)


def _rows(lasting: Receipt) -> dict[str, tuple[str, Any, Any, str]]:
    """The rows: the knob's label, what was asked, what was applied, and the mark."""
    requested, applied = _with_size(lasting.asked), _with_size(lasting.applied)
    names = [
        name
        for name in dict.fromkeys((*WRITTEN, *KNOBS, *MORE))
        if name not in HIDDEN and (requested.get(name) or applied.get(name) or name in requested)
    ]
    return {
        MORE.get(name) or KNOBS[name].label: (
            name,
            _requested(name, requested),
            applied.get(name),
            _mark(name, requested, applied),
        )
        for name in names
    }


def _requested(name: str, settings: Mapping[str, Any]) -> Any:
    """The value that was asked for, or the words for a value that was left to the backend."""
    value = settings.get(name)
    return KNOBS[name].unset if name in KNOBS and name in settings and value is None else value


def _mark(name: str, settings: Mapping[str, Any], applied: Mapping[str, Any]) -> str:
    if name in WRITTEN:
        return OWN_WORDS
    if name not in applied:
        return SILENT
    same = settings.get(name) in (None, applied[name])
    return SAME if same else OTHER


def _with_size(values: Mapping[str, Any]) -> dict[str, Any]:
    size = (
        {"size": (values["width"], values["height"])} if {"width", "height"} <= set(values) else {}
    )
    return {**values, **size}


def _verdict(lasting: Receipt, rows: Mapping[str, tuple[str, Any, Any, str]]) -> str:
    """One sentence over all marks."""
    marks = {label: mark for label, (*_, mark) in rows.items()}
    changed = [label for label, mark in marks.items() if mark == OTHER]
    silent = [label for label, mark in marks.items() if mark == SILENT]
    sentences = (
        [f"{OTHER} Applied differently from what was asked: {', '.join(changed)}."]
        if changed
        else []
    )
    if silent:
        sentences.append(
            f"{SILENT} The backend does not say what it applied for: {', '.join(silent)}."
        )
    if not sentences and lasting.warnings:
        notes = "note above says" if len(lasting.warnings) == 1 else "notes above say"
        sentences = [f"{OTHER} Applied as asked, but for what the {notes}."]
    return " ".join(sentences or [f"{SAME} Applied exactly as asked."])


def _parts(spent: Timing, waited: float) -> dict[str, float]:
    parts = {
        "waited": waited,
        **{NAMES.get(name, name): seconds or 0.0 for name, seconds in spent.parts().items()},
    }
    total = parts.pop("total")
    parts["other"] = max(
        0.0, total - sum(seconds for name, seconds in parts.items() if name != "waited")
    )
    if parts["other"] < 0.02 * total:
        parts.pop("other")
    return parts
