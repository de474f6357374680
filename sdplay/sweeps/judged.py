"""Asks the built-in model's judge whether a cell's picture shows what its prompt names."""

from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

from sdplay.compare.evidence.prompt_match import Match, Matched
from sdplay.compare.results import Pictures, Result

if TYPE_CHECKING:  # It brings onnxruntime, and most comparisons do without.
    from sdplay.engine.judge.network import ShippedJudge

BACKEND = "builtin"


@cache
def judge() -> "ShippedJudge":
    """The shipped judge, read once."""
    from sdplay.engine.judge.network import ShippedJudge

    return ShippedJudge()


def things_of(result: Result) -> tuple[str, ...]:
    """What the judge should find in a cell's picture; nothing where it cannot be asked."""
    if not result.done or result.cell.setup.backend != BACKEND:
        return ()
    return judge().names.prompted(result.cell.params.prompt)


def match(picture: Image.Image, things: tuple[str, ...]) -> Match:
    """What the judge says of a picture of these things."""
    return Match(things, judge().sure(picture, things))


def matched_by(pictures: Pictures) -> Matched:
    """Asks the judge about a cell when that is first needed, and remembers the answer."""
    answers: dict[tuple[int, ...], Match | None] = {}

    def matched(result: Result) -> Match | None:
        at = result.cell.at
        if at not in answers:
            things = things_of(result)
            picture = pictures(result) if things else None
            answers[at] = match(picture, things) if picture else None
        return answers[at]

    return matched
