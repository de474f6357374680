"""Plans as files: JSON, TOML, a CSV table with named slots, and the infotext of an A1111 grid."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sdplay.compare.axes import AXES, Typed, axis
from sdplay.compare.control_units import written_units
from sdplay.compare.grammar import Value, expand, shown, written
from sdplay.compare.plan import Plan, Varied
from sdplay.errors import BadParams
from sdplay.files.picture_file import PictureFile
from sdplay.files.untrusted import read_json, read_rows, read_toml
from sdplay.metadata import infotext, parse_infotext, read, scheduler_of, settings_from
from sdplay.params import KNOBS, Params, random_seed
from sdplay.schedulers import SCHEDULERS, find

EXAMPLE = (
    '{"base": {"prompt": "a red apple"}, "axes": [{"axis": "scheduler", "values": "euler, ddim"}, '
    '{"axis": "steps", "values": "5-20(+5)"}]}'
)
GRID_PIXELS = 1_000_000_000
"""Of a grid that only its text is read of: A1111 saves some that are larger than any picture."""
_KEYS = ("base", "axes", "backend", "pictures", "rows", "tree", "upscale", "name", "refine")


@dataclass(frozen=True)
class Spec:
    """A plan as it is written in a file, before a backend is known."""

    base: Mapping[str, Any] = field(default_factory=dict)
    """Settings by name; pictures may be named by a file."""
    axes: tuple[tuple[str, Typed], ...] = ()
    """Names and values."""
    backend: str = ""
    pictures: int = 1
    """Of every cell, with seeds counting up from the base's."""
    tree: str = ""
    """A folder whose pictures are the start images, one after the other; what is made mirrors
    it."""
    upscale: float = 1.0
    """Enlarge the pictures of the tree by this instead of sending them through img2img."""
    refine: bool = False
    """Coarse to fine: a sparse grid first, then only where neighbours differ."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that could not be taken over."""

    def settled(self, seed: Callable[[], int] = random_seed) -> "Spec":
        """The same plan with chance drawn once, and several pictures written as an axis of
        seeds."""
        base = dict(self.base)
        if str(base.get("seed", "")) == "-1":
            base["seed"] = seed()
        axes = self.axes
        if self.pictures > 1:
            start = KNOBS["seed"].check(base.get("seed", 0))
            axes = (*axes, ("seed", f"{start}-{start + self.pictures - 1}"))
        return replace(self, base=base, axes=axes, pictures=1)

    @property
    def picture_names(self) -> tuple[str, ...]:
        """The names of all pictures that it starts from, each once: start images, masks and
        guides."""
        names = [*_pictures_of(self.base)]
        for name, values in self.axes:
            if name in ("init", "mask"):
                names += [value for value in _values(values) if isinstance(value, str)]
            elif name == "control":
                names += _pictures_of({"control": _units_of(values)})
            elif name == "preset" and not isinstance(values, str):
                names += [
                    name
                    for preset in values
                    if isinstance(preset, Mapping)
                    for name in _pictures_of(preset)
                ]
        return tuple(dict.fromkeys(name for name in names if name not in ("", "none")))

    @property
    def by_chance(self) -> bool:
        """Whether a seed of -1 is in it, so that reading it twice gives two plans."""
        axes = [str(values) for name, values in self.axes if name == "seed"]
        return any(
            re.search(r"(?<![\d.)])-1(?!\d)", text)
            for text in (*axes, str(self.base.get("seed", "")))
        )

    def params(
        self, defaults: Mapping[str, Any], images: Mapping[str, bytes | PictureFile]
    ) -> Params:
        """The base settings, on top of the backend's own defaults."""
        values = {**defaults, **self.base}
        if missing := [name for name in _pictures_of(values) if name and name not in images]:
            raise BadParams(f"The plan needs the picture {missing[0][:80]!r}, which is not there.")
        if "scheduler" in values:
            entry = find(str(values["scheduler"]))
            values["scheduler"] = entry.id if entry else values["scheduler"]
        return Params.from_dict(values, images)


def read_plan(text: str, kind: str = "json", table: Callable[[str], str] | None = None) -> Spec:
    """A plan out of a file's text; `kind` is json, toml or csv.  `table` reads a CSV that the plan
    names for rows."""
    if kind == "csv":
        base, rows = _table(text)
        return Spec(base, tuple(_row_axis(rows, _seed(base.get("seed", 0)))))
    fields = parsed(text, kind, "plan", EXAMPLE)
    if table and isinstance(fields, dict) and isinstance(fields.get("rows"), str):
        fields["rows"] = _read_rows(table(fields["rows"]).splitlines())
    return plan_of(fields)


def parsed(text: str, kind: str, called: str, example: str) -> Any:
    """Plain values out of a file of JSON or TOML; a sentence with an example when it is neither."""
    try:
        return read_toml(text) if kind == "toml" else read_json(text)
    except ValueError as error:
        raise BadParams(
            f"The {called} is no valid {kind.upper()}: {error}. Write it like this: {example}"
        ) from error


def check_keys(fields: Mapping[str, Any], allowed: Sequence[str], called: str) -> None:
    """Refuse what such a file cannot have."""
    if unknown := [key for key in fields if key not in allowed]:
        raise BadParams(f"A {called} has no {unknown[0]!r}. It may have: {', '.join(allowed)}.")


def plan_of(fields: Any) -> Spec:
    """A plan made of plain values, as an experiment file holds one too."""
    if isinstance(fields, Mapping) and isinstance(fields.get("plan"), Mapping):
        fields = fields["plan"]
    if not isinstance(fields, Mapping) or not isinstance(fields.get("base", {}), Mapping):
        raise BadParams(f"A plan has a base and axes. Write it like this: {EXAMPLE}")
    check_keys(fields, _KEYS, "plan")
    axes_told = fields.get("axes", ())
    if not isinstance(axes_told, list | tuple):
        raise BadParams(f"A plan's axes are a list. Write it like this: {EXAMPLE}")
    axes = [*_row_axis(fields.get("rows", ())), *map(_axis, axes_told)]
    return Spec(
        settings_in(fields.get("base", {})),
        tuple(axes),
        str(fields.get("backend", "")),
        _count(fields.get("pictures", 1)),
        str(fields.get("tree", "")),
        _factor(fields.get("upscale", 1)),
        _yes_or_no("refine", fields.get("refine", False)),
    )


def table_rows(text: str, seed: int = 0) -> list[dict[str, Any]]:
    """The rows of a CSV as whole presets, its own base under each; several pictures count up from
    its seed or this."""
    base, rows = _table(text)
    return [{**base, **row} for row in _presets(rows, _seed(base.get("seed", seed)))]


def outline(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON values, as read_plan() reads it."""
    return {
        "base": plan.base.params.as_dict(),
        "backend": plan.base.backend,
        "axes": [
            {"axis": varied.axis.id, "values": _typed_values(varied)} for varied in plan.varied
        ],
        **({"refine": True} if plan.refine else {}),
    }


def grid_infotext(plan: Plan) -> str:
    """The baseline and the first three axes, as A1111's X/Y/Z plot writes them under a grid."""
    base = plan.base.params
    if any(varied.axis.id == "scheduler" for varied in plan.varied):
        base = base.with_(
            scheduler="euler"
        )  # has no schedule type of its own that would be laid over every sampler
    items = ["Script: X/Y/Z plot"] * bool(plan.varied)
    for letter, along in zip("XYZ", plan.varied, strict=False):
        name = along.axis.also[0] if along.axis.also else along.axis.label
        items += [
            f"{letter} Type: {name}",
            f"{letter} Values: {json.dumps(_a1111(along), ensure_ascii=False)}",
        ]
    return ", ".join([infotext(base), *items])


def read_grid(data: bytes) -> Spec:
    """The sweep behind a grid that A1111 saved as a picture, or behind a sheet of ours."""
    contents = read(data, GRID_PIXELS)
    if not contents.text:
        raise BadParams(
            "This picture has no settings inside. Choose a grid as A1111 saves it, or an "
            "experiment."
        )
    spec = from_grid(contents.text)
    damage = [note for note in contents.notes if note not in spec.notes]
    return replace(spec, notes=(*damage, *spec.notes))


def from_grid(text: str) -> Spec:
    """The sweep that the infotext of an A1111 grid describes, with the seeds that it was made
    with."""
    items = parse_infotext(text)
    if not any(f"{letter} Type" in items for letter in "XYZ"):
        raise BadParams("This infotext is of a single picture: no X, Y or Z axis is in it.")
    base, notes = settings_from(text)
    axes: list[tuple[str, Typed]] = []
    for letter in "XYZ":
        name, values = items.get(f"{letter} Type", "Nothing"), items.get(f"{letter} Values", "")
        if name == "Nothing" or not values:
            continue
        if name in _OF_GRIDS:
            axes.append(_OF_GRIDS[name](values, items))
            continue
        try:
            chosen = axis(name)
        except BadParams:
            notes.append(f"The axis {name!r} is none of ours; its first value was left as it was.")
            continue
        axes.append((chosen.id, items.get(f"Fixed {letter} Values", values)))
    return Spec(base, _with_schedule(axes, items), notes=tuple(notes))


def _schedule_axis(values: str, items: Mapping[str, str]) -> tuple[str, Typed]:
    """A1111's axis of schedule types alone, under one sampler."""
    sampler = items.get("Sampler", "Euler")
    return "scheduler", [scheduler_of(sampler, name, []) for name in _listed(values)]


def _faces_axis(values: str, items: Mapping[str, str]) -> tuple[str, Typed]:
    """A1111's axis of networks that repair faces; ours is on or off."""
    return "faces", ["no" if name.lower() == "none" else "yes" for name in _listed(values)]


_OF_GRIDS: Mapping[str, Callable[[str, Mapping[str, str]], tuple[str, Typed]]] = {
    "Schedule type": _schedule_axis,
    "Face restore": _faces_axis,
}
"""Axes of A1111 that are another one here."""


def _pictures_of(settings: Mapping[str, Any]) -> list[str]:
    units = settings.get("control") or ()
    named = [
        settings.get("init"),
        settings.get("mask"),
        *(unit["image"] for unit in units if isinstance(unit, Mapping)),
    ]
    return [name for name in named if isinstance(name, str)]


def _values(typed: Typed) -> list[Any]:
    return [value.value for value in expand(typed)] if isinstance(typed, str) else list(typed)


def _units_of(typed: Typed) -> list[Any]:
    """All ControlNet units of an axis, whichever value they belong to."""
    lists = [] if isinstance(typed, str) else [entry for entry in typed if isinstance(entry, list)]
    return [unit for units in lists for unit in units]


def _with_schedule(
    axes: Sequence[tuple[str, Typed]], items: Mapping[str, str]
) -> tuple[tuple[str, Typed], ...]:
    """Our scheduler for A1111's sampler and schedule type, which it keeps apart."""
    schedule = items.get("Schedule type", "")
    return tuple(
        (
            name,
            _joined(values, schedule)
            if name == "scheduler" and isinstance(values, str)
            else values,
        )
        for name, values in axes
    )


def _joined(values: Typed, schedule: str) -> Typed:
    names = _listed(str(values))
    if schedule.lower() == "automatic":
        return [scheduler_of(name, schedule, []) for name in names]
    return [entry.id if (entry := find(name, schedule) or find(name)) else name for name in names]


def _listed(values: str) -> list[str]:
    """Values with commas between them, as A1111 writes them."""
    return [name.strip() for row in csv.reader([values], skipinitialspace=True) for name in row]


def _typed_values(varied: Varied) -> Typed:
    """The values as typed; pictures that were handed over stand by their names."""
    if isinstance(varied.typed, str):
        return varied.typed
    if any(isinstance(value, bytes) for value in varied.typed):
        return [mark.label for mark in varied.marks]
    return [_named(value) if isinstance(value, Mapping) else value for value in varied.typed]


def _named(preset: Mapping[str, Any]) -> dict[str, Any]:
    pictures = {key: value for key, value in preset.items() if isinstance(value, bytes | tuple)}
    return {
        **preset,
        **{key: Params.from_dict({key: value}).as_dict()[key] for key, value in pictures.items()},
    }


def _a1111(varied: Varied) -> str:
    if varied.axis.id != "scheduler":
        return (
            varied.typed
            if isinstance(varied.typed, str)
            else ", ".join(mark.label for mark in varied.marks)
            if varied.axis.id == "control"
            else ", ".join(str(value) for value in varied.typed)
        )
    names = [
        SCHEDULERS[mark.value].a1111_old or mark.label if mark.value in SCHEDULERS else mark.label
        for mark in varied.marks
    ]
    return written([Value(name) for name in names])


def _axis(fields: Any) -> tuple[str, Typed]:
    if (
        not isinstance(fields, Mapping)
        or not isinstance(fields.get("axis"), str)
        or "values" not in fields
    ):
        raise BadParams(
            f"An axis has a name and values, not {str(fields)[:60]}. Write it like this: "
            '{"axis": "steps", "values": "5-20(+5)"}'
        )
    values = fields["values"]
    if not isinstance(values, str | list):
        values = [values]
    id = axis(fields["axis"]).id
    if isinstance(values, list):
        values = [value if isinstance(value, str) else _plain_value(id, value) for value in values]
    return id, values


def _plain_value(name: str, value: Any) -> Any:
    """The form that a setting has, for a value that a file writes as an object."""
    if name == "control":
        return written_units(value)
    if name == "extra" and isinstance(value, Mapping):
        return _as_json(value)
    return value


def _as_json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError as error:  # TOML has dates
        raise BadParams(f"Raw payload fields: {error}. Write dates as text.") from error


def settings_in(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a plan gives by name, a size as one of them."""
    base = dict(fields)
    if size := re.fullmatch(r"(\d+)[x×](\d+)", str(base.get("size", ""))):
        del base["size"]
        base |= {"width": int(size[1]), "height": int(size[2])}
    if unknown := [name for name in base if name not in KNOBS]:
        raise BadParams(
            f"There is no setting called {unknown[0]!r}. There are: size, {', '.join(KNOBS)}."
        )
    return {name: _plain_value(name, value) for name, value in base.items()}


def _count(value: Any) -> int:
    if not isinstance(value, int | str) or not str(value).isdigit() or not 1 <= int(value) <= 1000:
        raise BadParams(f"Pictures must be a whole number from 1 to 1000, not {value!r}.")
    return int(value)


def _factor(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 8:
        raise BadParams(f"Upscale must be a number from 1 to 8, not {value!r}.")
    return float(value)


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadParams(f"{name} is true or false in a plan, not {value!r}.")
    return value


def _table(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A CSV: a column is a setting, `pictures`, or a slot of the prompt; lines `# name: value` on
    top set the base."""
    lines = text.lstrip("\ufeff").splitlines()
    heads = [line.lstrip("# ").partition(":") for line in lines if line.startswith("#")]
    base = settings_in({name.strip().lower(): value.strip() for name, _, value in heads})
    body = [line for line in lines if line.strip() and not line.startswith("#")]
    comma = (
        max(",;\t", key=body[0].count) if body else ","
    )  # as spreadsheets save them, or as they are pasted
    rows = _read_rows(body, comma)
    if not rows:
        raise BadParams(
            "The table has no rows. Its first line names the columns, like this: "
            "nation,category,pictures"
        )
    return base, rows


def _read_rows(lines: list[str], comma: str = ",") -> list[dict[str, Any]]:
    try:
        return list(read_rows(lines, comma))
    except ValueError as error:
        raise BadParams(f"The table cannot be read: {error}. Save it as plain CSV.") from error


def _row_axis(rows: Any, seed: int = 0) -> list[tuple[str, Typed]]:
    """The rows of a table as one axis of whole presets."""
    presets = _presets(rows, seed)
    return [("preset", presets)] if presets else []


def _presets(rows: Any, seed: int) -> list[dict[str, Any]]:
    """Every row as often as it asks for pictures; an empty field takes the value above it."""
    if (
        not isinstance(rows, Sequence)
        or isinstance(rows, str)
        or not all(isinstance(row, Mapping) for row in rows)
    ):
        raise BadParams(
            'Rows must be a list of objects, like this: [{"nation": "Greek", "pictures": 2}]'
        )
    presets: list[dict[str, Any]] = []
    above: dict[str, Any] = {}
    for row in rows:
        above = above | {
            _column(key): _plain_value(_column(key), _field(value))
            for key, value in row.items()
            if key and value not in ("", None)
        }
        many = _count(above.get("pictures", 1))
        fields = {key: value for key, value in above.items() if key != "pictures"}
        name = (
            " ".join(str(value) for key, value in fields.items() if key.startswith("{"))
            or f"row {len(presets) + 1}"
        )
        start = _seed(fields.get("seed", seed))
        presets += [
            {"name": name, **fields}
            if many == 1
            else {"name": f"{name} {at + 1}", **fields, "seed": start + at}
            for at in range(many)
        ]
    return presets


def _seed(value: Any) -> int:
    return -1 if str(value) == "-1" else int(KNOBS["seed"].check(value))


def _column(key: str) -> str:
    """What a column sets: a setting, by any of its names, or else a slot."""
    name = key.strip().strip("{}")
    if name.lower() in ("pictures", "count", "n"):
        return "pictures"
    known_axis = {entry.label.lower(): entry.id for entry in AXES.values()}
    id = known_axis.get(name.lower(), name.lower())
    return id if id in KNOBS or id in ("backend", "name") else f"{{{name}}}"


def _field(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return value if isinstance(value, int | list | Mapping) else shown(value)
