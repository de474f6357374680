"""A lesson as its file tells it: read from TOML, bounded and checked, whoever wrote it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sdplay.backends import Capabilities
from sdplay.compare.axes import Offer, Setup, axis
from sdplay.compare.planfile import Spec, plan_of
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.files.untrusted import read_toml
from sdplay.lessons.claims import Condition, read_condition
from sdplay.params import KNOBS

MOST_LETTERS = 60_000
"""Of a lesson's file."""
MOST_CELLS = 30
MOST_STEPS = 150
MOST_PROMPTS = 24
MOST_PICTURES = 12
"""Named pictures of a check."""
MOST_CONDITIONS = 6
START = "start"
"""What a plan and a check call the lesson's own start image."""
AFTER = "after"
"""The guess after so many steps of a picture of a check, instead of its end."""
FIELDS = {
    "title": 80,
    "icon": 40,
    "about": 40,
    "question": 400,
    "answer": 700,
    "reflect": 300,
}
"""The texts of a lesson and how many letters each may have."""
_KEYS = (*FIELDS, "choices", "right", "look", "start", "film", "plan", "check", "measured")
_REFUSED = frozenset({"extra", "model", "init", "mask", "control", "styles", "vae"})
"""Settings that a lesson may not touch: it runs on anybody's server."""
_ICON = re.compile(r"[a-z0-9_]{1,40}")


@dataclass(frozen=True)
class Look:
    """Something to look at, and in which picture."""

    text: str
    at: tuple[int, ...]
    beside: tuple[int, ...] = ()
    """The picture from which the difference is ringed."""
    guess: bool = False
    """In what the longest run guessed after as many steps, in place of the picture itself."""


@dataclass(frozen=True)
class Check:
    """The claim, and how numbers say whether it holds."""

    claim: str
    prompts: tuple[str, ...]
    pictures: Mapping[str, Mapping[str, Any]]
    """Settings of each named picture, laid over the plan's and the check's own."""
    conditions: tuple[Condition, ...]
    base: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tally:
    """What the command found: over how many prompts the claim held, with which model."""

    model: str
    held: int
    of: int
    against: tuple[str, ...] = ()
    """The prompts for which it did not."""

    @property
    def sentence(self) -> str:
        """For people."""
        return f"Measured: it held for {self.held} of {self.of} prompts ({self.model})."


@dataclass(frozen=True)
class Lesson:
    """A question, the plan that answers it, and the claim that is checked."""

    id: str
    title: str
    icon: str
    about: str
    question: str
    choices: tuple[str, ...]
    right: int
    """Which of the choices, counted from 0."""
    answer: str
    reflect: str
    look: tuple[Look, ...]
    plan: Spec
    check: Check
    start: bytes = b""
    film: bool = False
    """Below each picture stands what the longest run guessed after as many steps."""
    measured: Tally | None = None

    @property
    def images(self) -> Mapping[str, bytes]:
        """The pictures that its plan names."""
        return {START: self.start} if self.start else {}

    def setup(self, backend: str, capabilities: Capabilities, **changes: Any) -> Setup:
        """The settings that all its pictures share, on this backend."""
        return Setup(backend, self.plan.params(capabilities.defaults, self.images).with_(**changes))


def read_lesson(text: str, name: str) -> Lesson:
    """A lesson out of a file's text; one sentence with the lesson's name where it is none."""
    try:
        if len(text) > MOST_LETTERS:
            raise BadParams(f"it has more than {MOST_LETTERS:,} letters.")
        return _lesson(read_toml(text), name)
    except (BadParams, ValueError) as error:
        reason = str(error).rstrip(".")
        raise BadParams(f"The lesson {name[:80]!r} cannot be used: {reason}.") from error


def _lesson(fields: Mapping[str, Any], name: str) -> Lesson:
    if unknown := [key for key in fields if key not in _KEYS]:
        raise BadParams(f"it has no {unknown[0][:40]!r}. It may have: {', '.join(_KEYS)}")
    texts = {key: _text(fields, key, most) for key, most in FIELDS.items()}
    if not _ICON.fullmatch(texts["icon"]):
        raise BadParams("its icon is the name of a Material symbol, like stairs")
    choices = _texts(fields, "choices", 160, (2, 6))
    right = fields.get("right")
    if not isinstance(right, int) or isinstance(right, bool) or not 1 <= right <= len(choices):
        raise BadParams(f"right says which choice is right, from 1 to {len(choices)}")
    start = _start(fields.get("start", ""))
    plan, shape = _plan(_table(fields, "plan"), start)
    check = _check(_table(fields, "check"), start)
    return Lesson(
        id=name,
        **texts,
        choices=choices,
        right=right - 1,
        look=_looks(fields.get("look", []), shape),
        plan=plan,
        check=check,
        start=start,
        film=fields.get("film") is True,
        measured=_measured(fields.get("measured"), check.prompts),
    )


def _table(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = fields.get(key)
    if not isinstance(table, Mapping):
        raise BadParams(f"it needs a table [{key}]")
    return table


def _text(fields: Mapping[str, Any], key: str, most: int) -> str:
    text = fields.get(key)
    if not isinstance(text, str) or not text.strip() or len(text) > most:
        raise BadParams(f"it needs {key}, a text of at most {most} letters")
    return " ".join(text.split())


def _texts(
    fields: Mapping[str, Any], key: str, most: int, count: tuple[int, int]
) -> tuple[str, ...]:
    low, high = count
    texts = fields.get(key)
    if not isinstance(texts, list) or not low <= len(texts) <= high:
        raise BadParams(f"it needs {key}, a list of {low} to {high} texts")
    return tuple(_text({key: text}, key, most) for text in texts)


def _start(text: Any) -> bytes:
    """The start image, which stands in the file itself."""
    if not isinstance(text, str):
        raise BadParams("start is a picture in base64")
    if not text:
        return b""
    try:
        return checked(from_base64(text))
    except NotAPicture as error:
        raise BadParams(f"its start image {error}") from error


def _plan(fields: Mapping[str, Any], start: bytes) -> tuple[Spec, tuple[int, ...]]:
    """The plan, and how many places each of its axes has."""
    if unknown := [key for key in fields if key not in ("base", "axes")]:
        raise BadParams(f"its plan has base and axes, not {unknown[0][:40]!r}")
    spec = plan_of(fields)
    _settings(spec.base)
    base = {**spec.base, **({"init": START} if start else {})}
    shape = tuple(_places(name, typed) for name, typed in spec.axes)
    if not 1 <= len(shape) <= 2 or math.prod(shape) > MOST_CELLS:
        raise BadParams(f"its plan needs one or two axes and at most {MOST_CELLS} pictures")
    if spec.by_chance:
        raise BadParams("its seeds must be numbers, so that everybody sees the same pictures")
    return Spec(base, spec.axes), shape


def _settings(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in KNOBS or name in _REFUSED:
            raise BadParams(f"it may not set {name[:40]!r}")
        if name == "steps":
            _few_steps(KNOBS[name].check(value))


def _few_steps(steps: int) -> None:
    if steps > MOST_STEPS:
        raise BadParams(f"it asks for {steps} steps; a lesson has room for {MOST_STEPS}")


def _places(name: str, typed: Any) -> int:
    if name != "size" and (name not in KNOBS or name in _REFUSED):
        raise BadParams(f"it cannot vary {name[:40]!r}")
    marks = axis(name).marks(typed, Offer(seed=lambda: 0))
    if name == "steps":
        _few_steps(max(mark.value for mark in marks))
    return len(marks)


def _looks(listed: Any, shape: tuple[int, ...]) -> tuple[Look, ...]:
    if not isinstance(listed, list) or not 1 <= len(listed) <= 6:
        raise BadParams("it needs one to six tables [[look]]")
    return tuple(_look(fields, shape) for fields in listed)


def _look(fields: Any, shape: tuple[int, ...]) -> Look:
    if not isinstance(fields, Mapping):
        raise BadParams("[[look]] is a table with text and at")
    beside = fields.get("beside")
    return Look(
        _text(fields, "text", 300),
        _at(fields.get("at"), shape),
        () if beside is None else _at(beside, shape),
        fields.get("guess") is True,
    )


def _at(numbers: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A place on the axes, counted from 1 in the file and from 0 from then on."""
    at = numbers if isinstance(numbers, list) else [numbers]
    fits = len(at) == len(shape) and all(
        isinstance(number, int) and 1 <= number <= places
        for number, places in zip(at, shape, strict=True)
    )
    if not fits:
        raise BadParams(
            f"at says which picture: one number for each axis, up to {list(shape)}, not {numbers!r}"
        )
    return tuple(number - 1 for number in at)


def _check(fields: Mapping[str, Any], start: bytes) -> Check:
    pictures = _table(fields, "pictures")
    if not 1 <= len(pictures) <= MOST_PICTURES:
        raise BadParams(f"its check needs one to {MOST_PICTURES} pictures")
    for settings in pictures.values():
        if not isinstance(settings, Mapping):
            raise BadParams("a picture of the check is a table of settings")
        _settings({name: value for name, value in settings.items() if name != AFTER})
    base = fields.get("base", {})
    if not isinstance(base, Mapping):
        raise BadParams("the base of its check is a table of settings")
    _settings(base)
    conditions = tuple(map(read_condition, _texts(fields, "holds", 200, (1, MOST_CONDITIONS))))
    names = {*pictures, START} if start else {*pictures}
    if strangers := {name for condition in conditions for name in condition.names} - names:
        raise BadParams(f"its claim speaks of a picture {min(strangers)!r} that is not made")
    return Check(
        _text(fields, "claim", 300),
        _texts(fields, "prompts", 300, (1, MOST_PROMPTS)),
        {str(name): dict(settings) for name, settings in pictures.items()},
        conditions,
        dict(base),
    )


def _measured(fields: Any, prompts: tuple[str, ...]) -> Tally | None:
    """What was measured; nothing where that was done with other prompts than the check has now."""
    if not isinstance(fields, Mapping):
        return None
    held, of, against = fields.get("held"), fields.get("of"), fields.get("against", [])
    if not isinstance(held, int) or not isinstance(of, int) or not 0 <= held <= of <= MOST_PROMPTS:
        raise BadParams("[measured] is written by python -m sdplay lesson check FILE --write")
    listed = against if isinstance(against, list) else []
    if of != len(prompts) or of - held != len(listed) or not {*map(str, listed)} <= {*prompts}:
        return None
    return Tally(_text(fields, "model", 80), held, of, tuple(map(str, listed)))
