"""What to vary: an axis and its values for columns, rows and pages; what is typed is echoed as it will be read."""

from collections.abc import Sequence

import streamlit as st

from sdplay.compare.axes import AXES, Offer, Typed, axis
from sdplay.errors import BadParams
from sdplay.params import KNOBS
from sdplay.schedulers import SCHEDULERS
from sdplay.ui.controls import linked_by_id
from sdplay.ui.problems import plain

PLACES = {"x": ("Columns", "steps", "4, 8, 15, 30"), "y": ("Rows", "scheduler", ""), "z": ("Pages", "", ""),
          "w": ("More pages", "", "")}  # fmt: skip
"""Name in the link, label, first axis, first values."""
FIRST_CHOICES = {"scheduler": ("euler", "ddim", "dpmpp_2m_karras")}
SHOWN = 14


def pick(places: Sequence[str], offer: Offer, features: frozenset[str]) -> list[tuple[str, Typed]]:
    """The axes as they stand in the form, the empty ones left out."""
    found = []
    for place in places:
        label, first, values = PLACES[place]
        known = ["", *(name for name in AXES if name not in KNOBS or _offered(name, features))]
        linked_by_id(f"{place}_axis", known)
        name = st.selectbox(label, known, index=known.index(first), key=f"{place}_axis", bind="query-params",
                            format_func=lambda name: AXES[name].label if name else "Nothing",
                            on_change=_clear, args=(place,),
                            help=axis(st.session_state.get(f"{place}_axis") or first or "steps").help)  # fmt: skip
        if name:
            typed = _values(place, name, values if name == first else "", offer)
            _echo(name, typed, offer)
            found.append((name, typed))
    return found


def put(axes: Sequence[tuple[str, Typed]], offer: Offer) -> None:
    """Axes of a file into the form; call it from a callback."""
    for place in PLACES:
        st.session_state[f"{place}_axis"] = ""
    for place, (name, typed) in zip(PLACES, axes, strict=False):
        chosen = axis(name).id
        st.session_state[f"{place}_axis"] = chosen
        if offer.choices.get(chosen):
            st.session_state[f"{place}_choices"] = [mark.value for mark in axis(name).marks(typed, offer)]
        else:
            st.session_state[f"{place}_values"] = typed if isinstance(typed, str) else ", ".join(map(str, typed))


def _offered(name: str, features: frozenset[str]) -> bool:
    return KNOBS[name].kind in (str, int, float) and (not KNOBS[name].needs or KNOBS[name].needs in features)


def _clear(place: str) -> None:
    """Another axis: its own example, not the values of the one before."""
    name = st.session_state[f"{place}_axis"]
    st.session_state[f"{place}_values"] = AXES[name].example.split("  or  ")[0] if name else ""


def _values(place: str, name: str, first: str, offer: Offer) -> Typed:
    choices = offer.choices.get(name)
    if choices:
        chosen = [each for each in FIRST_CHOICES.get(name, choices[:2]) if each in choices]
        return st.multiselect("Values", choices, chosen, key=f"{place}_choices", format_func=scheduler_label)
    key = f"{place}_values"
    if key not in st.session_state and not st.query_params.get(key):
        first = first or AXES[name].example.split("  or  ")[0]
    return st.text_input("Values", first, key=key, bind="query-params", placeholder=AXES[name].example,
                         help=f"For example {AXES[name].example}. Ranges: 5-20(+5), 0-1[6], 1, 2, .., 10. "
                              "Texts with commas are parted by ||. SKIP: in front leaves a place empty.")  # fmt: skip


def _echo(name: str, typed: Typed, offer: Offer) -> None:
    """How the values are read; a sentence when they cannot be."""
    try:
        labels = [f"~~{plain(mark.label)}~~" if mark.skip else plain(mark.label)
                  for mark in axis(name).marks(typed, offer)]  # fmt: skip
        more = f" … and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
        st.caption(f"**{len(labels)}** · {' · '.join(labels[:SHOWN])}{more}")
    except BadParams as error:
        st.caption(f":orange[:material/info: {plain(str(error))}]")


def scheduler_label(value: str) -> str:
    """The name for people; other words stay as they are."""
    return SCHEDULERS[value].label if value in SCHEDULERS else value
