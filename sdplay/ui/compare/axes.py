"""Asks what to vary: an axis and its values for columns, rows and pages. Typed values are shown as
they will be read."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import streamlit as st

from sdplay.compare.axes import AXES, Mark, Offer, Typed, axis
from sdplay.compare.grammar import Value, written
from sdplay.errors import BadParams
from sdplay.schedulers import scheduler_label
from sdplay.ui import address, session
from sdplay.ui.share import linked
from sdplay.ui.share.linked import NOTHING, PLACES
from sdplay.wording import literal, many

FIRST_VALUES = {"x": "4, 8, 15, 30"}
GRID, PAGES = ("x", "y"), ("z", "w")
FIRST_CHOICES = {"scheduler": ("euler", "ddim", "dpmpp_2m_karras")}
SHOWN = 14
NUMBER = r"-?\d+(\.\d+)?"
LISTED = re.compile(rf"\s*{NUMBER}(\s*,\s*{NUMBER}){{0,7}}\s*")
"""A few numbers with commas between them."""


def pick(position: str, offer: Offer, names: Mapping[str, str]) -> list[tuple[str, Typed]]:
    """The axis of that place as the form has it, with its values; None if there is none."""
    left, right = st.columns([2, 3], gap="small")
    with left:
        name = _name(position, names)
    if not name:
        return []
    first = FIRST_VALUES.get(position, "") if name == PLACES[position][1] else ""
    with right:
        typed = _values(position, name, first, offer)
        if not _is_list(typed):
            echo(axis(name).marks, typed, offer)
    return [(name, typed)]


def _name(position: str, names: Mapping[str, str]) -> str:
    """Asks which axis that place has."""
    label, default = PLACES[position]
    if st.session_state.get(f"{position}_axis", default) not in names:
        st.session_state[f"{position}_axis"] = ""  # its slot is gone from the prompt
    name: str = st.selectbox(
        label,
        list(names),
        index=list(names).index(default),
        **linked.bound(f"{position}_axis"),
        format_func=_named,
        on_change=_clear,
        args=(position,),
        help=axis(st.session_state.get(f"{position}_axis") or default or "steps").help,
    )
    return name


def pick_both(
    places: Sequence[str], offer: Offer, names: Mapping[str, str]
) -> list[tuple[str, Typed]]:
    """Asks for two places side by side."""
    varied = []
    for column, position in zip(st.columns(2, gap="medium"), places, strict=True):
        with column:
            varied += pick(position, offer, names)
    return varied


def active(places: Sequence[str]) -> list[str]:
    """The axes of these places, as the list shows them."""
    state, address_says = st.session_state, st.query_params
    names = [
        state.get(f"{position}_axis", address_says.get(f"{position}_axis", ""))
        for position in places
    ]
    return [_named(name) for name in names if name not in ("", NOTHING)]


def put(axes: Sequence[tuple[str, Typed]], offer: Offer, places: Sequence[str]) -> None:
    """Puts the axes of a file into these places of the form, and empties the others. Call it from a
    callback."""
    if len(axes) > len(places):
        raise BadParams(
            f"The form has room for {len(places)} axes, and this plan has {len(axes)}. "
            "Run it with python -m sdplay sweep."
        )
    controls: dict[str, Typed] = {f"{position}_axis": "" for position in PLACES}
    for target, (name, typed) in zip(places, axes, strict=False):
        chosen = axis(name).id
        controls[f"{target}_axis"] = chosen
        if offer.choices.get(chosen):
            controls[f"{target}_{chosen}"] = [mark.value for mark in axis(name).marks(typed, offer)]
        else:
            controls[f"{target}_values"] = (
                typed if isinstance(typed, str) else written([Value(str(value)) for value in typed])
            )
    address.put(controls)


def _is_list(typed: Typed) -> bool:
    """Whether the values stand there one by one, so that nothing is left to say about them."""
    return not isinstance(typed, str) or LISTED.fullmatch(typed) is not None


def echo(read: Callable[[Typed, Offer], Iterable[Mark]], typed: Typed, offer: Offer) -> None:
    """Shows how the values are read. Values that cannot be read are reported by the plan."""
    with suppress(BadParams):
        labels = [
            f"~~{literal(mark.label)}~~" if mark.skip else literal(mark.label)
            for mark in read(typed, offer)
        ]
        rest = f" … and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
        st.caption(f"**{many(len(labels), 'value')}:** {' · '.join(labels[:SHOWN])}{rest}")


def _named(name: str) -> str:
    """The axis as the list shows it. A slot has its braces, as in the prompt."""
    return AXES[name].label if name in AXES else name or NOTHING


def _clear(position: str) -> None:
    """Called for another axis: fills in its own example instead of the values of the one before."""
    st.session_state[f"{position}_values"] = ""
    with suppress(BadParams):  # no axis is chosen, or one that is not in the list any more
        st.session_state[f"{position}_values"] = _example(st.session_state[f"{position}_axis"])


def _example(name: str) -> str:
    return axis(name).example.split("  or  ")[0]


def _values(position: str, name: str, default: str, offer: Offer) -> Typed:
    choices = offer.choices.get(name)
    if choices:
        return _choices(f"{position}_{name}", offer, name)
    key = f"{position}_values"
    if key not in st.session_state and not st.query_params.get(key):
        default = default or _example(name)
    example = axis(name).example
    typed: str = st.text_input(
        "Values",
        default,
        **linked.bound(key),
        placeholder=example,
        help=f"For example {example}. Ranges: 5-20(+5), 0-1[6], 1, 2, .., 10. "
        "Texts with commas are parted by ||. SKIP: in front leaves a place empty.",
    )
    return typed


def _choices(key: str, offer: Offer, name: str) -> list[str]:
    choices = offer.choices[name]
    defaults = FIRST_CHOICES.get(name, choices[:2])
    labels = session.labels() if name == "backend" else {}
    chosen: list[str] = st.multiselect(
        "Values",
        choices,
        [choice for choice in defaults if choice in choices],
        **linked.bound(key),
        format_func=lambda choice: labels.get(choice) or scheduler_label(choice),
    )
    return chosen
