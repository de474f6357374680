"""A knob: how one setting is called, bounded, explained, drawn, and written elsewhere."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sdplay.errors import BadParams
from sdplay.files.picture_file import PictureFile
from sdplay.wording import number

OWN = "own"
"""The word for a value that is left to the backend."""
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_KIND_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "yes or no"}
_EXAMPLES = {int: "5, 10, 20", float: "3, 7.5, 11", bool: "yes, no"}


@dataclass(frozen=True)
class Idle:
    """When a setting changes nothing."""

    when: Callable[[Any], bool]
    """Whether it is so with these Params."""
    words: str
    """How a sentence says it: "at CFG 1"."""


@dataclass(frozen=True)
class Knob:
    """How one setting is called, bounded, explained and drawn."""

    name: str
    default: Any
    label: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    help: str = ""
    usual: tuple[float, float] | None = None
    """The range a slider shows; values outside it, up to low and high, can still be typed or
    linked."""
    group: str = "main"
    phrase: str = ""
    """How a value is said without its label beside it: `CFG {}`."""
    needs: str = ""
    """The backend feature without which this knob is not offered."""
    kind: type = str
    """The type of its values; that of the default, unless told."""
    unset: str = ""
    """What it means to leave it to the backend, where one can: the words for `nothing`."""
    example: str = ""
    """Values for an axis."""
    choices: str = ""
    """The list of Capabilities that says what there is to choose from."""
    pattern: str = ""
    """What a text must look like, beside `example`."""
    several: bool = False
    """Names several of its choices, with | between them."""
    cost: float = 0.0
    """How slow it is to switch: a sweep's dearest axis becomes the outermost loop."""
    idle: Idle | None = None
    brings: tuple[str, ...] = ()
    """Settings that count once this one is set: written beside it even at their default."""
    infotext: tuple[str, ...] = ()
    """Its names in A1111's infotext: the first is written, all are read."""
    yes: str = "True"
    """What infotext says where a yes-or-no knob is on."""
    also: tuple[str, ...] = ()
    """Its names on the axes of A1111's X/Y/Z plot."""
    letters: int = 20_000
    """The longest text that is taken."""
    first_default: Any = None
    """The default on the day the knob was added.  Recipe keys leave it out, so it never changes."""

    @property
    def nothing(self) -> Any:
        """The value that leaves it to the backend."""
        return "" if self.kind is str else None

    @property
    def is_plain(self) -> bool:
        """A text, a number, or yes or no: what a link, a table or an axis can say."""
        return self.kind in (str, int, float, bool)

    @property
    def is_number(self) -> bool:
        return self.kind in (int, float)

    @property
    def name_inside(self) -> str:
        """Its label inside a sentence."""
        first = self.label.split()[0]
        is_name = first[1:] != first[1:].lower()  # as CFG, VAE and ControlNet are
        return self.label if is_name else f"{self.label[0].lower()}{self.label[1:]}"

    @property
    def axis_example(self) -> str:
        """Values to show in an axis' empty box."""
        if self.example:
            return self.example
        if self.kind is float and self.high is not None and self.high <= 1:
            return "0-1[6]"
        return _EXAMPLES.get(self.kind, "one, two")

    def is_idle(self, params: Any) -> bool:
        """Whether it changes nothing in these Params, on any backend."""
        return self.idle is not None and self.idle.when(params)

    def check(self, value: Any) -> Any:
        """The value in this knob's type and range, or a sentence why not."""
        if not self.is_plain:
            if not isinstance(value, self.kind | PictureFile):
                raise BadParams(f"{self.label} must be a picture, not {str(value)[:40]!r}.")
            return value
        if self.unset and self._left_out(value):
            return self.nothing
        value = self._yes_or_no(value) if self.kind is bool else self._typed(value)
        if self.kind is str and len(value) > self.letters:
            raise BadParams(
                f"{self.label} has {len(value):,} letters; at most {self.letters:,} are taken. "
                "Shorten it."
            )
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise BadParams(f"{self.label} must look like {self.axis_example}, not {value!r}.")
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise BadParams(
                f"{self.label} must be between {self.low:g} and {number(self.high)}, not "
                f"{number(value)}."
            )
        if self.kind is int and self.step and self.step > 1 and value % self.step:
            near = max(int(self.low or 0), round(value / self.step) * int(self.step))
            raise BadParams(
                f"{self.label} must be a multiple of {self.step:g}, not {value}. The nearest is "
                f"{near}."
            )
        return value

    def from_infotext(self, text: Any) -> Any:
        """A value as infotext writes it, as check() reads it."""
        if self.kind is not bool:
            return text
        return str(text).strip().lower() not in (*_NO, "whole picture", "none", "")

    def _left_out(self, value: Any) -> bool:
        if value is None:
            return self.kind is not str
        return isinstance(value, str) and value.strip().lower() in ("", OWN, self.unset.lower())

    def _yes_or_no(self, value: Any) -> bool:
        word = str(value).strip().lower()
        if word not in (*_YES, *_NO):
            raise self._wrong(value)
        return word in _YES

    def _typed(self, value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            raise self._wrong(value)
        try:
            typed = self.kind(value)
            exact = self.kind is not int or isinstance(value, (int, str)) or float(value) == typed
        except (TypeError, ValueError, OverflowError) as error:
            raise self._wrong(str(value)[:40]) from error
        if not exact or (self.kind is float and not math.isfinite(typed)):
            raise self._wrong(value)
        return typed

    def _wrong(self, value: Any) -> BadParams:
        return BadParams(f"{self.label} must be {_KIND_WORDS[self.kind]}, not {value!r}.")


def knob(
    default: Any,
    label: str,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    help: str = "",
    **fields: Any,
) -> Any:
    """Declare a parameter of Params."""
    facts = {"label": label, "low": low, "high": high, "step": step, "help": help, **fields}
    return field(
        default=default,
        metadata={"knob": {"kind": type(default), "first_default": default, **facts}},
    )
