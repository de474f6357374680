"""What somebody predicted and wrote in the lessons: kept by the browser, exported by its owner."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sdplay.files.spreadsheet import table_text
from sdplay.files.untrusted import read_json
from sdplay.lessons.lesson import Lesson

MOST_ANSWERS = 100
MOST_LETTERS = 400
"""Of a reason or a sentence."""
COLUMNS = ("lesson", "title", "predicted", "answer", "right", "reason", "sentence", "when")
FORMS = ("ab", "ba")
"""In which order somebody gets the two sets of questions."""


@dataclass(frozen=True)
class Answered:
    """What somebody said about one lesson."""

    choice: int
    reason: str = ""
    """Before the pictures were there."""
    sentence: str = ""
    """After."""
    when: str = ""
    """The moment of the prediction, in UTC."""


@dataclass(frozen=True)
class Record:
    """All that one browser knows of its owner's lessons."""

    predictions: Mapping[str, Answered] = field(default_factory=dict)
    before: tuple[int, ...] = ()
    """The choices of the five questions before the lessons."""
    after: tuple[int, ...] = ()
    order: str = ""
    """Which set of questions came before and which after; drawn with the first."""

    def predicted(self, lesson: Lesson, prediction: Answered) -> "Record":
        """The same with this said about the lesson."""
        return replace(self, predictions={**self.predictions, lesson.id: prediction})

    def text(self) -> str:
        """What the browser keeps."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_record(text: str) -> Record:
    """A record as the browser gave it back; an empty one when it is damaged or too large."""
    try:
        fields = read_json(text[: MOST_ANSWERS * 2000])
    except ValueError:
        return Record()
    if not isinstance(fields, dict):
        return Record()
    listed = fields.get("predictions")
    predictions = listed if isinstance(listed, dict) else {}
    readable = {
        str(name)[:200]: prediction
        for name, values in list(predictions.items())[:MOST_ANSWERS]
        if (prediction := _prediction(values))
    }
    order = fields.get("order")
    return Record(
        readable,
        _choices(fields.get("before")),
        _choices(fields.get("after")),
        order if order in FORMS else "",
    )


def _prediction(values: Any) -> Answered | None:
    if not isinstance(values, dict) or not isinstance(values.get("choice"), int):
        return None
    texts = {name: str(values.get(name, ""))[:MOST_LETTERS] for name in ("reason", "sentence")}
    return Answered(values["choice"], **texts, when=str(values.get("when", ""))[:40])


def _choices(values: Any) -> tuple[int, ...]:
    whole = isinstance(values, list) and all(isinstance(value, int) for value in values)
    return tuple(values[:20]) if whole else ()


def progress_table(record: Record, lessons: Iterable[Lesson]) -> str:
    """The predictions as CSV, one row a lesson; lessons that nobody tried have an empty row."""
    return table_text(COLUMNS, [_row(lesson, record) for lesson in lessons])


def _row(lesson: Lesson, record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {
        "lesson": lesson.id,
        "title": lesson.title,
        "answer": lesson.choices[lesson.right],
    }
    prediction = record.predictions.get(lesson.id)
    if prediction is None:
        return row
    in_range = 0 <= prediction.choice < len(lesson.choices)
    return row | {
        "predicted": lesson.choices[prediction.choice] if in_range else "",
        "right": "yes" if prediction.choice == lesson.right else "no",
        "reason": prediction.reason,
        "sentence": prediction.sentence,
        "when": prediction.when,
    }
