"""Everything that the page's address may say: each name with its label and its valid values,
checked in one place.

A control that stands in the address takes its key from here (`bound`), so that none is forgotten.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdplay.backends import Capabilities
from sdplay.files.untrusted import read_json
from sdplay.knob import Knob
from sdplay.params import KNOBS, MAX_SEED, Params
from sdplay.schedulers import PRESETS, scheduler_label
from sdplay.ui.form import controls, fitting

SCOPES = {"mine": "Mine", "shared": "Shared", "all": "All", "bin": "Bin"}
FRAMES = {"crop": "Crop", "letterbox": "Letterbox"}
SKETCHES = {"draw": "Draw", "guide": "Guide", "mask": "Inpaint"}
FILMS = ("Frame to frame", "Two prompts", "Two seeds", "Strength")
SKETCH_NEEDS = {"guide": "controlnet", "mask": "inpaint"}
"""The backend's feature that each use of the canvas needs."""
GOALS = {"own": "The same at its most steps", "A": "A"}
VARYING = (
    "scheduler",
    "steps",
    "cfg",
    "seed",
    "strength",
    "prompt",
    "negative",
    "model",
    "width",
    "height",
)
PLACES = {
    "x": ("Columns", "steps"),
    "y": ("Rows", "scheduler"),
    "z": ("Pages", ""),
    "w": ("More pages", ""),
}
"""The axes of a comparison, each with its name in the link, its label and its default."""
NOTHING = "Nothing"
"""What the list of axes shows if none is chosen."""
MOST_VARIANTS = 12
RUNS = ("5", "11", "21", "51")
"""How many runs of a latency measurement one click may ask for."""
MOST_PICTURES = 30
"""The most pictures that one click may ask for."""
Row = dict[str, Any]
GENERATE, COMPARE, LIBRARY = ("Generate",), ("Compare",), ("Library",)
SKETCH = ("Sketch",)
FILM = ("Film",)
LEARN = ("Learn",)
LASTING = SKETCH + FILM
"""The tabs whose controls stay in the address while others stand in their place."""
Options = Callable[[Capabilities], Mapping[str, str] | None]
"""The options of a control: the text that it writes, by the short id that people may write. None if
they are unknown."""


@dataclass(frozen=True)
class Linked:
    """One name of the address that is not a setting of the form."""

    label: str
    options: Options | None = None
    """None means any text. Whoever reads it says what is wrong with it."""
    several: bool = False
    first: str = ""
    """The value while the address says nothing: one of the short ids, or by default the first."""
    reads: Callable[[str], bool] = lambda text: True
    """For a text without options: whether it can be read at all."""
    within: tuple[float, float] | None = None
    """The least and the greatest number of a control for numbers, which are whole if these are."""
    needs: str = ""
    """The backend's feature without which this control does not exist."""
    tabs: tuple[str, ...] = ()
    """The only tabs with this control; empty if it belongs to the whole page."""


@dataclass(frozen=True)
class Judged:
    """What the page makes of one name of an address."""

    texts: list[str]
    """The valid values, as the control writes them."""
    misfits: tuple[tuple[str, str, str], ...] = ()
    """Label, the value that does not fit, and the value used instead."""
    homeless: str = ""
    """A setting with its value that this backend does not have."""


def bound(name: str) -> dict[str, Any]:
    """The key of a control, its name in the address, and its range if it has one."""
    entry = of(name)
    if name not in KNOBS and entry is None:
        raise KeyError(f"{name} is not among the names that an address may say.")
    control: dict[str, Any] = {"key": name, "bind": "query-params"}
    if entry and entry.within:
        control["min_value"], control["max_value"] = entry.within
    return control


def of(name: str) -> Linked | None:
    """The entry for a name; None for a name that means nothing here."""
    if name in NAMES:
        return NAMES[name]
    position, _, rest = name.partition("_")
    if position not in PLACES or not rest:
        return None
    label, initial = PLACES[position]
    if rest == "axis":
        return Linked(label, axis_names, first=initial, tabs=COMPARE)
    if rest == "values":
        return Linked(f"Values of {label}", tabs=COMPARE)
    from sdplay.compare.axes import AXES

    if rest not in AXES:
        return None
    return Linked(
        f"{AXES[rest].label} in {label}",
        lambda capabilities: _names_of_values(rest, capabilities),
        several=True,
        tabs=COMPARE,
    )


def judge(name: str, texts: Sequence[str], capabilities: Capabilities) -> Judged | None:
    """What the page can use of these texts; None for a name that means nothing here."""
    if knob := fitting.knob_of(name, capabilities):
        return _judged_knob(knob, texts[-1], capabilities)
    if entry := of(name):
        return _judged(entry, texts, capabilities)
    if name.startswith("own_"):
        return _judged_input(name, texts[-1], capabilities)
    return None


def _judged_knob(knob: Knob, text: str, capabilities: Capabilities) -> Judged:
    if not capabilities.offers(knob.needs):
        changed = text != controls.written(knob, knob.default)
        return _left(
            [text], f"{knob.label} {fitting.shortened(text)}" if changed else "", capabilities
        )
    nearest = fitting.fit(knob, text, capabilities)
    misfits = () if nearest.exact else ((knob.label, text, nearest.text),)
    return Judged([nearest.text] if nearest.text or text == "" else [], misfits)


def _left(texts: Sequence[str], reason: str, capabilities: Capabilities) -> Judged:
    """A setting that is not used here. It is reported only where the backend is sure of that."""
    return Judged(list(texts), homeless=reason if _answers(capabilities) else "")


def _answers(capabilities: Capabilities) -> bool:
    return capabilities.status in ("ready", "busy")


def _judged(entry: Linked, texts: Sequence[str], capabilities: Capabilities) -> Judged:
    if not capabilities.offers(entry.needs):
        return _left(texts, f"{entry.label} {fitting.shortened(', '.join(texts))}", capabilities)
    if entry.within:
        return _judged_numbers(entry, texts if entry.several else texts[-1:])
    texts = texts if entry.several else texts[-1:]
    options = entry.options(capabilities) if entry.options else None
    if options is None:
        usable = {text: text for text in texts if entry.reads(text)}
        instead = ""
    else:
        spelled = {way.lower(): text for id, text in options.items() for way in (id, text)}
        usable = {text: spelled[text.lower()] for text in texts if text.lower() in spelled}
        instead = options.get(entry.first) or next(iter(options.values()), "")
    usable_texts = list(dict.fromkeys(usable.values()))
    instead = ", ".join(usable_texts) if entry.several else instead
    return Judged(
        usable_texts, tuple((entry.label, text, instead) for text in texts if text not in usable)
    )


def _judged_numbers(entry: Linked, texts: Sequence[str]) -> Judged:
    """A number, or the two ends of a range, the lesser first."""
    low, high = entry.within or (-math.inf, math.inf)
    numbers = [_number(text, type(low)) for text in texts]
    fits = len(texts) == 1 + entry.several and numbers == sorted(numbers)
    if fits and all(low <= number <= high for number in numbers):
        return Judged(list(texts))
    return Judged([], ((entry.label, ", ".join(texts), ""),))


def _judged_input(name: str, text: str, capabilities: Capabilities) -> Judged | None:
    """A model's own input that is a choice or free text. Numbers and switches are treated as
    knobs."""
    entry = next((it for it in capabilities.inputs if name == f"own_{it['name']}"), None)
    if entry is None:
        return None if _answers(capabilities) else Judged([text])
    label, choices = str(entry.get("label") or entry["name"]), entry.get("choices") or ()
    options = {str(choice): str(choice) for choice in choices}
    return _judged(
        Linked(label, (lambda capabilities: options) if options else None), [text], capabilities
    )


def _backends(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.ui import session

    return session.labels()


def _tabs(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.ui import tabs

    return {title: title for title in tabs.titles()}


def _kinds(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.ui.compare.kinds import KINDS

    return {title: title for title in KINDS}


def _views(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.ui.compare.views import VIEWS

    return {title: title for title in VIEWS}


def _measures(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.compare.evidence.measures import MEASURES

    return {
        id: f"{measure.label[0].upper()}{measure.label[1:]}" for id, measure in MEASURES.items()
    }


def _film_files(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.compare.exports.animation import LABELS, kinds

    return {kind: LABELS[kind] for kind in kinds()}


def _looks(capabilities: Capabilities) -> Mapping[str, str]:
    from sdplay.ui.components.viewer import MODES

    return {mode: mode.capitalize() for mode in MODES}


def axis_names(capabilities: Capabilities) -> dict[str, str]:
    """The names of the axes that a comparison can have on this backend, as their list shows them,
    with the slots of the prompt."""
    from sdplay.compare.axes import AXES, slots

    prompts = {name: controls.current(name, capabilities) for name in ("prompt", "negative")}
    names = (
        name
        for name in AXES
        if name not in KNOBS or (KNOBS[name].is_plain and capabilities.offers(KNOBS[name].needs))
    )
    named = {name: AXES[name].label for name in names}
    return {"": NOTHING, **{slot: slot for slot in slots(Params(**prompts))}, **named}


def axis_of(place: str, text: str, capabilities: Capabilities) -> str:
    """The id of the axis in that place, as a link names it; the default one if the address says
    nothing."""
    spelled = {
        way.lower(): id for id, label in axis_names(capabilities).items() for way in (id, label)
    }
    return spelled.get(text.lower(), "") if text else PLACES[place][1]


def values_of(axis: str, capabilities: Capabilities) -> Mapping[str, str] | None:
    """The values to choose from on an axis; None where values are typed."""
    choices = capabilities.choices(KNOBS[axis]) if axis in KNOBS else None
    if axis == "backend":
        return _backends(capabilities)
    if axis == "preset":
        choices = tuple(f"{scheduler} {steps}" for scheduler, steps in PRESETS)
    return None if choices is None else {name: scheduler_label(name) for name in choices}


def _names_of_values(axis: str, capabilities: Capabilities) -> Mapping[str, str] | None:
    """The same values, also by the other names that a link may use for them."""
    values = values_of(axis, capabilities)
    if values is None or axis not in KNOBS or KNOBS[axis].choices != "schedulers":
        return values
    same = {
        name: values[listed]
        for name in capabilities.scheduler_aliases
        if (listed := capabilities.listed_scheduler(name)) in values
    }
    return {**same, **values}


def rows_of(text: str) -> list[Row] | None:
    """The variants in a link; None if it was cut or written wrongly by hand."""
    try:
        rows = read_json(text)
    except ValueError:
        return None
    is_list = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    return rows if is_list and fits_variants(rows) else None


def fits_variants(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the columns can hold these variants: not too many, and with no setting that they do
    not offer."""
    return len(rows) <= MOST_VARIANTS and all(
        key in ("name", *VARYING) for row in rows for key in row
    )


def _varying(capabilities: Capabilities) -> Mapping[str, str]:
    offered = (name for name in VARYING if capabilities.offers(KNOBS[name].needs))
    return {name: KNOBS[name].label for name in offered}


def _switch(capabilities: Capabilities) -> Mapping[str, str]:
    return {"true": "true", "false": "false"}


def sketches(capabilities: Capabilities) -> Mapping[str, str]:
    """The uses of the canvas: those that this backend offers, and those for which it says what is
    missing."""
    return {
        name: label
        for name, label in SKETCHES.items()
        if capabilities.offers(SKETCH_NEEDS.get(name, ""))
        or SKETCH_NEEDS[name] in capabilities.hints
    }


def _number(text: str, kind: type[float]) -> float:
    """The number in a text; one that is none fits no range."""
    try:
        return kind(text)
    except ValueError:
        return math.nan


def _counts(*numbers: str) -> Options:
    return lambda capabilities: {number: number for number in numbers}


def _styles(capabilities: Capabilities) -> Mapping[str, str] | None:
    return _same(capabilities.styles)


def _same(names: Sequence[str] | None) -> Mapping[str, str] | None:
    """Names that a control writes as they are; None if they are unknown."""
    return None if names is None else {name: name for name in names}


NAMES: Mapping[str, Linked] = {
    "backend": Linked("Backend", _backends),
    "view": Linked("Tab", _tabs),
    "link": Linked("Link"),
    "picture": Linked("Picture"),
    "start": Linked("Start image", needs="img2img"),
    "start_mask": Linked("Mask", needs="inpaint"),
    "guides": Linked("Guide pictures", several=True, needs="controlnet"),
    "init_url": Linked("Start image's address"),
    "init_frame": Linked("To the picture's shape", lambda capabilities: FRAMES, needs="img2img"),
    "style_names": Linked(KNOBS["styles"].label, _styles, several=True, needs="styles"),
    "count": Linked(
        "Number of pictures",
        lambda capabilities: {str(number): str(number) for number in range(1, MOST_PICTURES + 1)},
        tabs=GENERATE,
    ),
    "brackets": Linked(
        "Brackets are negative",
        lambda capabilities: {"false": "false", "true": "true"},
        needs="negative",
        tabs=GENERATE + COMPARE,
    ),
    "lab": Linked("Kind of comparison", _kinds, tabs=COMPARE),
    "pictures_as": Linked("Pictures as", _views, tabs=COMPARE),
    "leave_out": Linked("Leave out", tabs=COMPARE),
    "word_seeds": Linked("Seeds", _counts("1", "2", "4", "8"), tabs=COMPARE),
    "runs": Linked("Runs", _counts(*RUNS), first=RUNS[1], tabs=COMPARE),
    "other_backend": Linked("Against", _backends, tabs=COMPARE),
    "varying": Linked("What varies", _varying, several=True, tabs=COMPARE),
    "variants": Linked("Variants", reads=lambda text: rows_of(text) is not None, tabs=COMPARE),
    "with_baseline": Linked("With the baseline", _switch, tabs=COMPARE),
    "table": Linked("Table", tabs=COMPARE),
    "measure": Linked("Distance by", _measures, tabs=COMPARE),
    "against": Linked("Distance to", lambda capabilities: GOALS, tabs=COMPARE),
    "look": Linked("Look", _looks, tabs=COMPARE + LIBRARY),
    "live": Linked("Live", _switch, first="false", tabs=SKETCH),
    "sketch_as": Linked("What the canvas is for", sketches, tabs=SKETCH),
    "sketch_strength": Linked("Strength of Sketch", within=(0.05, 1.0), tabs=SKETCH),
    "sketch_soft": Linked("Mask blur of Inpaint", within=(0, 64), needs="mask_blur", tabs=SKETCH),
    "guide_model": Linked(
        "ControlNet model",
        lambda capabilities: _same(capabilities.control_models),
        needs="controlnet",
        tabs=SKETCH,
    ),
    "guide_module": Linked(
        "Preprocessor",
        lambda capabilities: _same(("none", *(capabilities.control_modules or ()))),
        needs="controlnet",
        tabs=SKETCH,
    ),
    "guide_weight": Linked("ControlNet weight", within=(0.0, 2.0), needs="controlnet", tabs=SKETCH),
    "guide_when": Linked(
        "ControlNet from and until",
        several=True,
        within=(0.0, 1.0),
        needs="controlnet",
        tabs=SKETCH,
    ),
    "moves": Linked("What moves", lambda capabilities: _same(FILMS), tabs=FILM),
    "reel_frames": Linked("Frames", within=(1, 1000), tabs=FILM),
    "reel_zoom": Linked("Zoom", within=(0.8, 1.25), tabs=FILM),
    "reel_turn": Linked("Rotation", within=(-15.0, 15.0), tabs=FILM),
    "reel_strength": Linked("Change", within=(0.05, 1.0), tabs=FILM),
    "reel_seeds": Linked("New seeds", _switch, tabs=FILM),
    "reel_prompt": Linked("Prompt of the last frame", tabs=FILM),
    "reel_seed": Linked(
        "Seed of the last frame",
        within=(0, min(MAX_SEED, controls.LARGEST_IN_A_BROWSER)),
        tabs=FILM,
    ),
    "reel_strengths": Linked("Strength of a film", several=True, within=(0.0, 1.0), tabs=FILM),
    "reel_fps": Linked("Frames a second", within=(1, 50), tabs=FILM),
    "reel_as": Linked("Film as", _film_files, first="webp", tabs=FILM),
    "find": Linked("Search", tabs=LIBRARY),
    "whose": Linked("Pictures", lambda capabilities: SCOPES, tabs=LIBRARY),
    "picked": Linked("Chosen pictures", several=True, tabs=LIBRARY),
    "lesson": Linked("Lesson", tabs=LEARN),
}
