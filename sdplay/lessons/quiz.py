"""Five questions before the lessons and five after, of two sets that take turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sdplay.files.untrusted import read_toml
from sdplay.lessons.record import FORMS, Record
from sdplay.wording import many


@dataclass(frozen=True)
class Question:
    """One question, what there is to choose from, and which of it is right, counted from 0."""

    text: str
    choices: tuple[str, ...]
    right: int


@cache
def sets() -> dict[str, tuple[Question, ...]]:
    """The two sets of questions, alike in what they ask for and how hard they are."""
    fields = read_toml(Path(__file__).with_name("questions.toml").read_text(encoding="utf-8"))
    return {
        name: tuple(
            Question(entry["text"], tuple(entry["choices"]), entry["right"] - 1)
            for entry in entries
        )
        for name, entries in fields.items()
    }


def order_for(owner: str) -> str:
    """Half of all people get the one set before, the other half the other one."""
    return FORMS[sum(owner.encode()) % 2]


def questions(order: str, after: bool) -> tuple[Question, ...]:
    """The set for this moment."""
    return sets()[order[int(after)]]


def score(asked: Sequence[Question], choices: Sequence[int]) -> int:
    """How many were right."""
    return sum(question.right == choice for question, choice in zip(asked, choices, strict=False))


def gain_sentence(record: Record) -> str:
    """What the lessons brought, once both sets are answered."""
    if not (record.before and record.after and record.order):
        return ""
    before = score(questions(record.order, False), record.before)
    after = score(questions(record.order, True), record.after)
    count = len(questions(record.order, True))
    change = after - before
    if change > 0:
        gain = f"a gain of {many(change, 'answer')}"
    else:
        gain = "as many" if not change else f"{many(-change, 'answer')} fewer"
    return f"Right before the lessons: {before} of {count}. After: {after} of {count}, {gain}."
