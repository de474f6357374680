"""What a comparison can vary: one entry for each axis, with its words, an example, and the function
that applies a value."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sdplay.compare.control_units import units_label
from sdplay.compare.explore import prompt_parts
from sdplay.compare.grammar import Value, expand, shown
from sdplay.errors import BadParams
from sdplay.files.picture_file import PictureFile
from sdplay.knob import OWN, Knob
from sdplay.params import KNOBS, Control, Params, random_seed
from sdplay.schedulers import PRESETS, SCHEDULERS, find, scheduler_label

MOST_REPEATS = 1000
Typed = str | Sequence[Any]
"""Values as a person types them, or as a list from a file."""


@dataclass(frozen=True)
class Setup:
    """All that one picture is made with: settings, backend, and the values of slots."""

    backend: str
    params: Params
    repeat: int = 0
    """Which of several pictures of the same settings; each is made anew, none comes from the
    library.  0: it is not repeated."""


@dataclass(frozen=True)
class Mark:
    """One value on an axis.  A skipped one keeps its place in the grid and is not made."""

    label: str
    value: Any
    skip: bool = False


@dataclass(frozen=True)
class Offer:
    """The choices that the backend lists.  An axis that is missing in `choices` takes any value,
    because the backend does not tell."""

    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings by preset name."""
    pictures: Mapping[str, bytes | PictureFile] = field(default_factory=dict)
    """Start images and masks by the name under which an axis lists them."""
    controls: Mapping[str, tuple[Control, ...]] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that an axis takes besides its choices."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What a value is called, where it does not say so itself."""
    prompt: str = ""
    """The prompt that an axis takes apart."""
    seed: Callable[[], int] = random_seed


@dataclass(frozen=True)
class Axis:
    """One thing to vary."""

    id: str
    label: str
    example: str
    apply: Callable[[Setup, Any], Setup]
    read: "Reader"
    kind: type = str
    cost: float = 0.0
    """How slow it is to switch: the dearest axis becomes the outermost loop."""
    rank: int = 2
    """Lower ones are applied first: a search finds the prompt that another axis has set."""
    also: tuple[str, ...] = ()
    """Names elsewhere, A1111's first."""
    help: str = ""
    phrase: str = "{}"
    """How a value is said where its axis does not stand beside it; most text says it all."""

    def said(self, label: str) -> str:
        """A value with the name of its axis: `CFG 7`, `20 steps`."""
        text = self.phrase.replace("{}", label)
        return text.removesuffix("s") if text == "1 steps" else text

    def marks(self, values: Typed, offer: Offer | None = None) -> tuple[Mark, ...]:
        """The values that this text names, checked; an error in one sentence when it names none."""
        offer = offer or Offer()
        return tuple(self.read(self, self._values(values, offer), offer))

    def _values(self, values: Typed, offer: Offer) -> tuple[Value, ...]:
        if not isinstance(values, str):
            return tuple(entry for value in values for entry in self._listed(value)) or expand(
                "", self.kind, self.label
            )
        if values.strip().lower() == "all" and self.id in offer.choices:
            return tuple(Value(choice) for choice in offer.choices[self.id])
        return expand(values, self.kind, self.label)

    def _listed(self, value: Any) -> tuple[Value, ...]:
        typed = isinstance(value, str) and (
            self.kind is not str or value.lower().startswith("skip:")
        )
        return expand(value, self.kind, self.label) if typed else (Value(value),)


Reader = Callable[[Axis, Sequence[Value], Offer], Iterable[Mark]]
_SLOT = r"\{(\w[\w \-]*)\}"


def axis(name: str) -> Axis:
    """The axis of that name, by our name or A1111's, whatever its case and spaces; `{slot}` names a
    slot of the prompts."""
    if slot := re.fullmatch(_SLOT, name.strip()):
        return Axis(
            name.strip(),
            slot[1].capitalize(),
            "fox, owl",
            _fill(name.strip()),
            _plain,
            rank=3,
            phrase=f"{slot[1]}: {{}}",
            help=f"Put in place of {name.strip()} in the prompts.",
        )
    match = _BY_NAME.get(_spelled(name))
    if match is None:
        raise BadParams(
            f"There is no axis called {name!r}. There are: {', '.join(AXES)}, or a slot like "
            "{animal}."
        )
    return match


def slots(params: Params) -> tuple[str, ...]:
    """The axes of the `{slots}` that these prompts have."""
    return tuple(
        dict.fromkeys(
            match[0] for match in re.finditer(_SLOT, f"{params.prompt} {params.negative}")
        )
    )


def _spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9&]", "", name.lower())


def _plain(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for typed in values:
        value = _choice(axis, str(typed.value), offer)
        yield Mark(offer.labels.get(value, value) or "(none)", value, typed.skip)


def _choice(axis: Axis, value: str, offer: Offer) -> str:
    """The listed choice that is meant: spelled exactly, spelled in other letters, or the only one
    that contains the text."""
    choices = offer.choices.get(axis.id)
    if choices is None or value in choices or not value:
        return value
    low = value.lower()
    names = (*choices, *offer.aliases.get(axis.id, ()))
    alike = [name for name in names if name.lower() == low] or [
        choice for choice in choices if low in choice.lower()
    ]
    if len(alike) != 1:
        raise BadParams(
            f"{axis.label}: there is no {value!r}. Choose from: {', '.join(alike or choices)}."
        )
    return alike[0]


def _numbers(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for typed in values:
        value = KNOBS[axis.id].check(typed.value)
        yield Mark(shown(value), value, typed.skip)


def _seeds(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    """Reads seeds.  -1 is drawn by chance once for the whole axis, so that every cell of a column
    has the same one."""
    drawn = offer.seed() if any(str(value.value) == "-1" for value in values) else 0
    fixed = [Value(drawn, value.skip) if str(value.value) == "-1" else value for value in values]
    return _numbers(axis, fixed, offer)


def _schedulers(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    choices = offer.choices.get(axis.id)
    for typed in values:
        if KNOBS[axis.id].unset and str(typed.value).lower() in ("", OWN):
            yield Mark(KNOBS[axis.id].unset, "", typed.skip)
            continue
        entry = find(str(typed.value))
        value = entry.id if entry and str(typed.value) not in (choices or ()) else str(typed.value)
        if choices is None and entry is None:
            raise BadParams(
                f"{axis.label}: there is no {value!r}. There are: {', '.join(SCHEDULERS)}."
            )
        value = _choice(axis, value, offer)
        yield Mark(scheduler_label(value), value, typed.skip)


def _pictures(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for value in values:
        if isinstance(value.value, str) and value.value not in offer.pictures:
            raise BadParams(
                f"{axis.label}: there is no picture called {value.value[:60]!r} here. "
                f"There are: {', '.join(offer.pictures) or 'none yet'}."
            )
        name = (
            value.value if isinstance(value.value, str) else f"picture of {len(value.value)} bytes"
        )
        yield Mark(name, offer.pictures.get(value.value, value.value), value.skip)


def _controls(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for value in values:
        if isinstance(value.value, list):
            units = _with_pictures(axis.id, value.value, offer)
            yield Mark(units_label(value.value), units, value.skip)
            continue
        if value.value != "none" and value.value not in offer.controls:
            raise BadParams(
                f"{axis.label}: there is no unit called {value.value!r} here. "
                f"There are: {', '.join(('none', *offer.controls))}."
            )
        yield Mark(str(value.value), offer.controls.get(value.value, ()), value.skip)


def _sizes(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for value in values:
        size = re.fullmatch(r"(\d+)\s*[x×*]\s*(\d+)", str(value.value).lower())
        if not size:
            raise BadParams(
                f"Size: could not read {value.value!r}. Write it like this: {axis.example}"
            )
        yield Mark(
            f"{size[1]}×{size[2]}", {"width": int(size[1]), "height": int(size[2])}, value.skip
        )


def _replacements(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    """Reads what replaces what: `fox=wolf` names both; otherwise each value takes the place of the
    first one, as in A1111."""
    texts = [str(value.value) for value in values]
    pairs = all("=" in text for text in texts)
    for value, text in zip(values, texts, strict=True):
        search, _, instead = text.partition("=") if pairs else (texts[0], "", text)
        yield Mark(
            f"{search.strip()} → {instead.strip()}" if pairs else text,
            (search.strip(), instead.strip()),
            value.skip,
        )


def _orders(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    words = [str(value.value) for value in values]
    if len(words) > 6:
        raise BadParams(f"Prompt order: {len(words)} parts have too many orders. Write at most 6.")
    return (Mark(", ".join(order), [words, list(order)]) for order in itertools.permutations(words))


def _subsets(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    parts = [str(value.value) for value in values]
    if len(parts) > 8:
        raise BadParams(
            f"Prompt matrix: {len(parts)} parts make {2 ** len(parts)} prompts. Write at most 8."
        )
    for chosen in itertools.product((False, True), repeat=len(parts)):
        used = list(itertools.compress(parts, chosen))
        yield Mark(" + ".join(used) or "nothing added", used)


def _left_out(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    """The whole prompt, then the prompt without each part; `each word` and `each part` name them
    all."""
    texts: list[str] = []
    for value in values:
        text = str(value.value)
        apart = _APART.get(text.lower())
        texts += apart(offer.prompt) if apart else [text]
    if len(texts) > prompt_parts.MOST_PARTS:
        raise BadParams(
            f"{axis.label}: {len(texts)} parts are too many. Name the "
            f"{prompt_parts.MOST_PARTS} or fewer that matter."
        )
    yield Mark("whole prompt", "")
    for text in dict.fromkeys(texts):
        yield Mark(f"without {text}", text)


_APART: Mapping[str, Callable[[str], list[str]]] = {
    prompt_parts.EVERY_WORD: prompt_parts.words,
    prompt_parts.EVERY_PART: prompt_parts.parts,
}


def _repeats(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for typed in values:
        if not 1 <= typed.value <= MOST_REPEATS:
            raise BadParams(
                f"{axis.label} must be from 1 to {MOST_REPEATS}, not {typed.value}. "
                f"Write it like this: {axis.example}"
            )
        yield Mark(shown(typed.value), typed.value, typed.skip)


def _presets(axis: Axis, values: Sequence[Value], offer: Offer) -> Iterable[Mark]:
    for typed in values:
        preset = (
            typed.value if isinstance(typed.value, Mapping) else _preset(str(typed.value), offer)
        )
        name = preset.get("name") or typed.value
        label = (
            name
            if isinstance(name, str)
            else ", ".join(f"{key} {value}" for key, value in preset.items())
        )
        settings = {
            key: _with_pictures(key, value, offer) for key, value in preset.items() if key != "name"
        }
        yield Mark(label, settings, typed.skip)


def _with_pictures(key: str, value: Any, offer: Offer) -> Any:
    """A preset with the pictures that it names."""
    if key not in ("init", "mask", "control") or isinstance(value, bytes | tuple | PictureFile):
        return value
    resolved = getattr(Params.from_dict({key: value}, offer.pictures), key)
    if (key == "control" and len(resolved) < len(value)) or bool(value) > bool(resolved):
        raise BadParams(
            f"{KNOBS[key].label}: a picture that it needs is not here: {str(value)[:80]}."
        )
    return resolved


def _preset(text: str, offer: Offer) -> Mapping[str, Any]:
    """Reads a preset: a saved one by its name, `euler 30`, or `scheduler=euler; steps=30`."""
    if text in offer.presets:
        return offer.presets[text]
    pair = re.fullmatch(r"(.+?)[ ,]+(\d+)(?: steps)?", text)
    if pair and (scheduler := _scheduler_called(pair[1], offer)):
        return {"scheduler": scheduler, "steps": int(pair[2])}
    parts = [part.partition("=") for part in text.split(";")]
    if not all(equals and key.strip() for key, equals, _ in parts):
        names = ", ".join(offer.presets) or "none saved yet"
        raise BadParams(
            f"Preset: there is no {text!r}. There are: {names}. Or write one like this: {_PRESET}"
        )
    return {"name": text, **{key.strip(): value.strip() for key, _, value in parts}}


def _scheduler_called(name: str, offer: Offer) -> str:
    """The scheduler of that name, ours or one that only the server has; empty when there is
    none."""
    if entry := find(name):
        return entry.id
    lists = (offer.choices, offer.aliases)
    names = (option for listed in lists for option in listed.get("scheduler", ()))
    return next((option for option in names if option.lower() == name.lower()), "")


def _set(name: str) -> Callable[[Setup, Any], Setup]:
    return lambda setup, value: replace(setup, params=setup.params.with_(**{name: value}))


def _set_all(setup: Setup, values: Mapping[str, Any]) -> Setup:
    """Apply a whole preset: settings, a backend, and slots, which come last because they fill a
    prompt that may stand in the same preset."""
    for key, value in sorted(values.items(), key=lambda item: item[0].startswith("{")):
        if key == "backend":
            setup = replace(setup, backend=str(value))
        elif key.startswith("{"):
            setup = _fill(key)(setup, value)
        else:
            entry = find(str(value)) if key == "scheduler" else None
            setup = replace(setup, params=setup.params.with_(**{key: entry.id if entry else value}))
    return setup


def _prompts(setup: Setup, prompt: str, negative: str | None = None) -> Setup:
    changes = {"prompt": prompt} | ({} if negative is None else {"negative": negative})
    return replace(setup, params=setup.params.with_(**changes))


def _fill(slot: str) -> Callable[[Setup, Any], Setup]:
    return lambda setup, value: _exchange(setup, (slot, str(value)), "Slot")


def _exchange(setup: Setup, pair: Sequence[str], label: str = "Prompt search and replace") -> Setup:
    search, instead = pair
    prompt, negative = setup.params.prompt, setup.params.negative
    if not search or (search not in prompt and search not in negative):
        raise BadParams(
            f"{label}: {search!r} is neither in the prompt {prompt[:60]!r} nor in the negative "
            "prompt."
        )
    return _prompts(setup, prompt.replace(search, instead), negative.replace(search, instead))


def _order(setup: Setup, orders: Sequence[Sequence[str]]) -> Setup:
    """The prompt with these parts in another order; the text between them stays where it is."""
    words, order = orders
    prompt = setup.params.prompt
    if missing := [word for word in words if word not in prompt]:
        raise BadParams(f"Prompt order: {missing[0]!r} is not in the prompt {prompt[:60]!r}.")
    places = iter(order)
    once = set(words)
    longest = sorted(map(re.escape, words), key=len, reverse=True)

    def swap(match: re.Match[str]) -> str:
        if match[0] not in once:
            return match[0]
        once.discard(match[0])
        return next(places)

    return _prompts(setup, re.sub("|".join(longest), swap, prompt))


def _add(setup: Setup, parts: Sequence[str]) -> Setup:
    return _prompts(setup, ", ".join(filter(None, [setup.params.prompt, *parts])))


def _style(setup: Setup, style: str) -> Setup:
    """Add a style: its text takes the prompt in at `{prompt}`, or stands behind it; `none` adds
    nothing."""
    prompt = setup.params.prompt
    if style.lower() in ("", "none"):
        return setup
    return (
        _prompts(setup, style.replace("{prompt}", prompt))
        if "{prompt}" in style
        else _add(setup, [style])
    )


def _backend(setup: Setup, name: str) -> Setup:
    return replace(setup, backend=name)


def _leave_out(setup: Setup, part: str) -> Setup:
    prompt = setup.params.prompt
    if part and not prompt_parts.has(prompt, part):
        raise BadParams(f"Prompt without: {part!r} is not in the prompt {prompt[:60]!r}.")
    return _prompts(setup, prompt_parts.without(prompt, part)) if part else setup


def _repeat(setup: Setup, number: int) -> Setup:
    return replace(setup, repeat=number)


_PRESET = "euler 30  or  scheduler=euler; steps=30"
_READERS: Mapping[str, Reader] = {
    "scheduler": _schedulers,
    "hires_sampler": _schedulers,
    "seed": _seeds,
}
_READERS_OF: Mapping[type, Reader] = {
    int: _numbers,
    float: _numbers,
    bool: _numbers,
    bytes: _pictures,
    tuple: _controls,
}


def _of_knob(knob: Knob) -> Axis:
    """The axis of one setting: every knob becomes one, so a new knob needs no line here."""
    return Axis(
        knob.name,
        knob.label,
        knob.axis_example,
        _set(knob.name),
        _READERS.get(knob.name) or _READERS_OF.get(knob.kind, _plain),
        knob.kind if knob.is_number else str,
        knob.cost,
        also=knob.also,
        help=knob.help,
        phrase=knob.phrase or f"{knob.name_inside}{' ' if knob.is_number else ': '}{{}}",
    )


AXES: dict[str, Axis] = {
    entry.id: entry
    for entry in (
        *map(_of_knob, KNOBS.values()),
        Axis(
            "size", "Size", "128x128, 192x128", _set_all, _sizes, help="Width and height together."
        ),
        Axis(
            "prompt_replace",
            "Prompt search and replace",
            "fox, wolf, bear  or  fox=wolf, red=blue",
            _exchange,
            _replacements,
            rank=4,
            also=("Prompt S/R",),
            help="The first word is looked for, and each is put there.",
        ),
        Axis(
            "prompt_order",
            "Prompt order",
            "fox, red, snow",
            _order,
            _orders,
            rank=5,
            help="Every order of these parts of the prompt.",
        ),
        Axis(
            "prompt_matrix",
            "Prompt matrix",
            "in snow, at night",
            _add,
            _subsets,
            rank=6,
            help="The prompt with every selection of these parts added.",
        ),
        Axis(
            "prompt_style",
            "Prompt style",
            "none, flat style, a sketch of {prompt}",
            _style,
            _plain,
            rank=7,
            help="Words around the prompt.",
        ),
        Axis(
            "prompt_without",
            "Prompt without",
            f"{prompt_parts.EVERY_WORD}  or  fox, red",
            _leave_out,
            _left_out,
            rank=8,
            help="The whole prompt, then with each of these left out once: `each word`, "
            "`each part` between commas, or words of your own.",
        ),
        Axis(
            "repeat",
            "Repeat",
            "1-11",
            _repeat,
            _repeats,
            kind=int,
            cost=-1.0,
            help="The same settings made again so many times, never out of the library: how long "
            "it takes, and how evenly.",
            phrase="run {}",
        ),
        Axis(
            "preset",
            "Preset",
            ", ".join(f"{name} {steps}" for name, steps in PRESETS),
            _set_all,
            _presets,
            rank=1,
            help="Several settings at once.",
        ),
        Axis(
            "backend",
            "Backend",
            "builtin, a1111",
            _backend,
            _plain,
            cost=3.0,
            rank=0,
            help="The same settings on another server or model.",
        ),
    )
}

_BY_NAME = {
    _spelled(name): entry
    for entry in AXES.values()
    for name in (*entry.also, entry.label, entry.id)
}
