"""The experiment file: a plan with the hashes, versions and times of its pictures; opened again, it
says what came out differently."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sdplay import __version__
from sdplay.compare.evidence.measures import look_apart
from sdplay.compare.plan import Plan
from sdplay.compare.planfile import Spec, outline, plan_of
from sdplay.compare.results import Result
from sdplay.errors import BadParams
from sdplay.files.picture_file import PictureFile
from sdplay.files.untrusted import read_json
from sdplay.params import KNOBS, Control, Params

FORMAT = 1
MARK = "sdplay_experiment"
MOST_BYTES = 16_000_000
"""Start images beyond this stay where they are: the file then needs them beside it."""
ALIKE = 3
"""Looks this close, of 255, come from rounding on another processor."""


@dataclass(frozen=True)
class Told:
    """What an experiment file says about one cell."""

    labels: tuple[str, ...] = ()
    state: str = ""
    pixels: str = ""
    look: str = ""
    model: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Experiment:
    """All that an experiment file says."""

    spec: Spec
    images: Mapping[str, bytes] = field(default_factory=dict)
    """The start images it needs, by the name the plan gives them."""
    cells: Mapping[tuple[int, ...], Told] = field(default_factory=dict)
    made: str = ""
    version: str = ""
    note: str = ""


@dataclass(frozen=True)
class Drift:
    """A cell that came out differently, and the most likely reason."""

    at: tuple[int, ...]
    name: str
    why: str


@dataclass(frozen=True)
class Reproduction:
    """A new run compared with its experiment file."""

    same: int
    differs: tuple[Drift, ...] = ()
    missing: int = 0
    """Cells without a picture now or then."""
    reused: int = 0
    """Of the same ones, those that were there already: they prove nothing."""

    @property
    def sentence(self) -> str:
        count = self.same + len(self.differs)
        if not count:
            return "No cell has a picture on both sides yet: nothing can be compared."
        if self.differs:
            earliest = self.differs[0]
            verb = "differs" if len(self.differs) == 1 else "differ"
            text = (
                f"{len(self.differs)} of {count} pictures {verb}. "
                f"The first ({earliest.name}): {earliest.why}"
            )
        else:
            text = self._all_same
        return text + (f" {self.missing} could not be compared." if self.missing else "")

    @property
    def is_proof(self) -> bool:
        """Whether a picture was made anew and came out the same, and none differs."""
        return not self.differs and self.same > self.reused

    @property
    def _all_same(self) -> str:
        pictures = "the picture is" if self.same == 1 else f"all {self.same} pictures are"
        same = f"{pictures} the same, pixel for pixel"
        if not self.is_proof:
            were = "it was" if self.same == 1 else "they were"
            return (
                f"Nothing was made anew: {same}, for {were} there already. Only making it again "
                "says whether it can be reproduced."
            )
        verb = "was" if self.reused == 1 else "were"
        rest = f"; {self.reused} of them {verb} there already" if self.reused else ""
        return f"Reproduced: {same}{rest}."


def write_experiment(
    plan: Plan,
    results: Mapping[tuple[int, ...], Result],
    *,
    note: str = "",
    moment: datetime | None = None,
) -> str:
    """The text of the file: all that is needed to run it again and to see whether the same pictures
    come out."""
    fields = {
        MARK: FORMAT,
        "version": __version__,
        "made": (moment or datetime.now(UTC)).isoformat(timespec="seconds"),
        "note": note,
        "plan": outline(plan),
        "images": _images(plan),
        "cells": [_cell(result) for cell in plan.cells if (result := results.get(cell.at))],
    }
    return json.dumps(fields, ensure_ascii=False, indent=1)


def read_experiment(text: str) -> Experiment:
    """The experiment in a file's text; a plain plan is one without results."""
    try:
        fields = read_json(text)
    except ValueError as error:
        raise BadParams(
            f"This is no experiment file: {error}. Choose a JSON file that the app has saved."
        ) from error
    if not isinstance(fields, dict):
        raise BadParams("This is no experiment file. Choose a JSON file that the app has saved.")
    if not isinstance(fields.get(MARK, 0), int) or fields.get(MARK, 0) > FORMAT:
        raise BadParams(
            "This experiment file comes from a newer version of the app. Update the app to open it."
        )
    try:
        images = {
            name: base64.b64decode(data, validate=True)
            for name, data in (fields.get("images") or {}).items()
        }
        cells = {tuple(map(int, cell["at"])): _recorded(cell) for cell in fields.get("cells") or ()}
    except (binascii.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadParams(
            "This experiment file is damaged: its cells or images cannot be read. Save it anew."
        ) from error
    return Experiment(
        plan_of(fields),
        images,
        cells,
        str(fields.get("made", "")),
        str(fields.get("version", "")),
        str(fields.get("note", "")),
    )


def reproduced(experiment: Experiment, results: Mapping[tuple[int, ...], Result]) -> Reproduction:
    """Compare a new run with what the file says."""
    return same_again(experiment.cells, results)


def recorded(results: Mapping[tuple[int, ...], Result]) -> Mapping[tuple[int, ...], Told]:
    """What is remembered of a run so that the next one can be compared with it."""
    return {at: _recorded(_cell(result)) for at, result in results.items()}


def same_again(
    before: Mapping[tuple[int, ...], Told], results: Mapping[tuple[int, ...], Result]
) -> Reproduction:
    """Compare a new run with the run before it."""
    same, missing, reused = 0, 0, 0
    drifts = []
    for at, then in before.items():
        now = results.get(at)
        if not then.pixels or now is None or not now.pixels:
            missing += bool(then.pixels or (now and now.pixels))
        elif now.pixels == then.pixels:
            same += 1
            reused += _is_reused(now, results)
        else:
            drifts.append(Drift(at, now.cell.name, _why(then, now)))
    return Reproduction(same, tuple(drifts), missing, reused)


def _is_reused(result: Result, results: Mapping[tuple[int, ...], Result]) -> bool:
    """Whether a picture was there before this run.  A cell that shares another cell's picture is as
    new as that one."""
    origin = results.get(result.cell.twin) if result.cell.twin is not None else result
    return origin is not None and origin.state == "reused"


def _why(then: Told, now: Result) -> str:
    if then.model and now.model and then.model != now.model:
        return f"the model was {then.model}, now it is {now.model}."
    distance = look_apart(then.look, now.look) if then.look and now.look else None
    if distance is not None and distance <= ALIKE:
        return "only tiny differences, as another processor rounds them."
    return (
        "the pixels differ, although model and settings are the same. The backend may have changed."
    )


def _cell(result: Result) -> dict[str, Any]:
    return {
        "at": list(result.cell.at),
        "labels": list(result.cell.labels),
        "state": result.state,
        "pixels": result.pixels,
        "look": result.look,
        "model": result.model,
        "seconds": result.seconds,
        "warnings": list(result.warnings),
        "error": result.error,
    }


def _recorded(fields: Mapping[str, Any]) -> Told:
    seconds = fields.get("seconds")
    return Told(
        tuple(map(str, fields.get("labels") or ())),
        str(fields.get("state", "")),
        str(fields.get("pixels", "")),
        str(fields.get("look", "")),
        str(fields.get("model", "")),
        None if seconds is None else float(seconds),
    )


def _images(plan: Plan) -> dict[str, str]:
    """The pictures that the plan starts from: the base's by its hash, an axis's by its label."""
    images: dict[str, bytes | PictureFile] = dict(plan.base.params.images())
    for varied in plan.varied:
        listed = [] if isinstance(varied.typed, str) else varied.typed
        for number, mark in enumerate(varied.marks):
            if isinstance(mark.value, bytes):
                images[mark.label] = mark.value
                continue
            typed = listed[number] if number < len(listed) else None
            if isinstance(mark.value, Mapping):
                images |= _of_preset(mark.value, typed)
            elif varied.axis.id == "control":
                images |= _of_units(mark.value, typed)
    if sum(map(_length, images.values())) > MOST_BYTES:
        return {}
    return {
        name: base64.b64encode(image.read() if isinstance(image, PictureFile) else image).decode()
        for name, image in images.items()
    }


def _length(picture: bytes | PictureFile) -> int:
    return picture.path.stat().st_size if isinstance(picture, PictureFile) else len(picture)


def _of_preset(values: Mapping[str, Any], typed: Any) -> dict[str, bytes | PictureFile]:
    """The pictures of one preset, by the names it was written with, or else by their hashes."""
    names = {key: typed.get(key) for key in ("init", "mask")} if isinstance(typed, Mapping) else {}
    images = {
        str(name): values[key]
        for key, name in names.items()
        if isinstance(name, str) and values.get(key)
    }
    if isinstance(typed, Mapping):
        images |= _of_units(values.get("control") or (), typed.get("control"))
    pictures = {
        key: value
        for key, value in values.items()
        if isinstance(value, bytes | tuple) and key in KNOBS
    }
    return images or dict(Params.from_dict(pictures).images())


def _of_units(units: Sequence[Control], typed: Any) -> dict[str, bytes | PictureFile]:
    """The guide pictures by the names that the plan gives them."""
    if not isinstance(typed, list):
        return {}
    return {unit["image"]: control.image for unit, control in zip(typed, units, strict=False)}
