"""Reads values as people type them: `5-20(+5)`, `0-1[6]`, `1, 2, .., 10`, `a || b`, `SKIP: 3`."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sdplay.errors import BadParams
from sdplay.knob import OWN

MOST = 2000
LONGEST_TEXT = 100_000
LONGEST_NUMBER = 40
EXAMPLES = {
    int: "5, 10, 20  or  5-20(+5)  or  1, 2, .., 10",
    float: "3, 7.5, 11  or  0-1[6]  or  0.2, 0.3, .., 1",
    str: 'fox, owl, "cat, black"  or  red fox || cat, black',
}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"({_NUMBER})\s*-\s*({_NUMBER})\s*(?:\(\s*({_NUMBER})\s*\)|\[\s*(\d+)\s*\])?")
_SKIP = re.compile(r"skip\s*:\s*", re.IGNORECASE)
_DASHES = str.maketrans({"–": "-", "−": "-", "…": ".."})


@dataclass(frozen=True)
class Value:
    """One value of an axis; a skipped one keeps its place and is not made."""

    value: Any
    skip: bool = False


def expand(text: str, kind: type = str, label: str = "Values") -> tuple[Value, ...]:
    """Every value that the text names, in its order and once each; a sentence with an example when
    it names none.

    Ranges count from the first number to the last, upward or downward, and never run past the last.
    """
    if len(text) > LONGEST_TEXT:
        raise BadParams(
            f"{label}: that is {len(text):,} letters of values; at most {LONGEST_TEXT:,} are read. "
            "Write fewer."
        )
    read = _words if kind is str else _Numbers(kind).read
    unique: dict[Value, None] = {}
    try:
        for value in read(_items(text, kind)):
            unique.setdefault(value)
            if len(unique) > MOST:
                raise BadParams(
                    f"{label}: that is more than {MOST} values. Write fewer, or a wider step."
                )
    except _Unreadable as error:
        raise BadParams(
            f"{label}: could not read {str(error)[:40]!r}. Write it like this: {EXAMPLES[kind]}"
        ) from error
    if not unique:
        raise BadParams(f"{label}: there is no value. Write it like this: {EXAMPLES[kind]}")
    return tuple(unique)


def written(values: Sequence[Value]) -> str:
    """The shortest plain text that expand() reads back as these values."""
    texts = [("SKIP: " if value.skip else "") + shown(value.value) for value in values]
    if any(re.search(r'[",\n]|^\s|\s$|^$', text) for text in texts):
        return " || ".join(texts) + " ||" * (len(texts) == 1)
    return ", ".join(texts)


def shown(value: Any) -> str:
    """A value as a person would write it: no trailing zero, no exponent."""
    if value is None:
        return OWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(repr(value)).normalize():f}"
    return str(value)


class _Unreadable(Exception):
    """An item that is not a value; its text is the message."""


def _items(text: str, kind: type) -> list[str]:
    """The text cut at `||`, at line ends, or at commas outside quotes."""
    if "||" in text:
        return _full(text.split("||"))
    lines = [line for line in text.splitlines() if line.strip()]
    if kind is str and len(lines) > 1:
        return _full(lines)
    try:
        return _full(item for row in csv.reader(lines, skipinitialspace=True) for item in row)
    except csv.Error as error:
        raise _Unreadable(text) from error


def _full(items: Iterable[str]) -> list[str]:
    return [item.strip() for item in items if item.strip()]


def _words(items: Sequence[str]) -> Iterator[Value]:
    for item in items:
        yield Value(_SKIP.sub("", item, count=1), True) if _SKIP.match(item) else Value(item)


class _Numbers:
    """Reads items as numbers of one kind, as exact decimals until the end."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def read(self, items: Sequence[str]) -> Iterator[Value]:
        before: list[Decimal] = []
        for at, item in enumerate(items):
            skip = bool(_SKIP.match(item))
            word = _SKIP.sub("", item, count=1).translate(_DASHES)
            if word.strip().lower() == OWN:
                yield Value(None, skip)
                continue
            for number in self._go_on(before, items, at) if word == ".." else self._range(word):
                before = [*before[-1:], number]
                yield Value(self._typed(number, item), skip)

    def _range(self, item: str) -> Iterable[Decimal]:
        if re.search(rf"\d{{{LONGEST_NUMBER}}}", item):
            raise _Unreadable(item)
        if re.fullmatch(_NUMBER, item):
            return [Decimal(item)]
        match = _RANGE.fullmatch(item)
        if not match:
            raise _Unreadable(item)
        decimal, last = Decimal(match[1]), Decimal(match[2])
        if match[4]:
            return self._spread(decimal, last, int(match[4]))
        return _count(decimal, last, abs(Decimal(match[3] or 1)), item)

    def _go_on(self, before: list[Decimal], items: Sequence[str], at: int) -> Iterable[Decimal]:
        """Continues `1, 2, .., 10` by the step of the last two numbers, up to the one that
        follows."""
        ahead = items[at + 1].translate(_DASHES) if at + 1 < len(items) else ""
        if len(before) < 2 or not re.fullmatch(_NUMBER, ahead) or len(ahead) > LONGEST_NUMBER:
            raise _Unreadable("..")
        step, last = before[1] - before[0], Decimal(ahead)
        if step * (last - before[1]) < 0:
            raise _Unreadable(f".., {items[at + 1]}")
        return itertools.islice(_count(before[1], last, abs(step), ".."), 1, None)

    def _spread(self, decimal: Decimal, last: Decimal, many: int) -> Iterable[Decimal]:
        """So many evenly spaced numbers, both ends among them; whole numbers lose their fraction,
        as in A1111."""
        if not 1 <= many <= MOST:
            raise _Unreadable(f"[{many}]")
        places = [decimal + (last - decimal) * at / max(1, many - 1) for at in range(many)]
        if self.kind is int:
            return [Decimal(int(round(number, 9))) for number in places]
        return [round(number, 9).normalize() for number in places]

    def _typed(self, number: Decimal, item: str) -> Any:
        if self.kind is int and number != int(number):
            raise _Unreadable(item)
        return self.kind(number)


def _count(decimal: Decimal, last: Decimal, step: Decimal, item: str) -> Iterator[Decimal]:
    """From the first toward the last, never past it."""
    if step == 0:
        raise _Unreadable(item)
    way = step if last >= decimal else -step
    for at in range(int((last - decimal) / way) + 1):
        yield decimal + way * at
