"""A model's own OpenAPI schema, as Cog and Replicate serve it: which of our settings it takes, and
what else it has."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdplay.errors import BadParams
from sdplay.params import KNOBS
from sdplay.schedulers import find

ALIASES: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "text", "text_prompt", "caption"),
    "negative": ("negative_prompt", "neg_prompt", "n_prompt", "uc_prompt"),
    "steps": (
        "num_inference_steps",
        "num_steps",
        "steps",
        "inference_steps",
        "sampling_steps",
        "ddim_steps",
    ),
    "cfg": ("guidance_scale", "cfg_scale", "cfg", "guidance"),
    "seed": ("seed", "random_seed"),
    "scheduler": ("scheduler", "solver", "sampler", "sampler_name"),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
    "size": ("size", "image_size", "image_dimensions"),
    "init": ("image", "init_image", "input_image", "start_image"),
    "mask": ("mask", "mask_image"),
    "strength": ("prompt_strength", "strength", "denoising_strength", "image_strength"),
    "eta": ("eta", "ddim_eta"),
    "clip_skip": ("clip_skip",),
}
"""What models call our settings, the usual name first."""

COUNTS = (
    "num_outputs",
    "num_images",
    "num_images_per_prompt",
    "batch_size",
    "number_of_images",
    "n",
)
"""Inputs that ask for several pictures: always one, because each is paid for."""

USUAL_SIZES = ((512, 512), (768, 512), (512, 768), (1024, 1024), (1152, 896), (896, 1152))
MOST_SIZES = 6


@dataclass(frozen=True)
class Input:
    """One input of a model."""

    name: str
    kind: str = ""
    """string, integer, number, boolean, array or object; empty when not told."""
    label: str = ""
    default: Any = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()
    help: str = ""
    needed: bool = False
    secret: bool = False

    def fitting(self, label: str, value: Any) -> Any:
        """The value in this input's type, or a sentence when the model would refuse it."""
        if self.choices:
            return self._chosen(label, value)
        if self.kind == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        low, high = self.range()
        if isinstance(value, int | float) and not low <= value <= high:
            bounds = f"at least {low:g}" if high == math.inf else f"at most {_number_text(high)}"
            bounds = (
                bounds if math.inf in (-low, high) else f"between {low:g} and {_number_text(high)}"
            )
            raise BadParams(f"{label} must be {bounds} for this model, not {_number_text(value)}.")
        return value

    def _chosen(self, label: str, value: Any) -> Any:
        """The choice that means the value, which may be 512 or "512"."""
        for choice in self.choices:
            if choice == value or str(choice) == str(value):
                return choice
        raise BadParams(
            f"{label} must be one of {', '.join(map(str, self.choices))} for this model, not "
            f"{value}."
        )

    def range(self) -> tuple[float, float]:
        """Lowest and highest value; infinite where the schema leaves it open."""
        numbers = [choice for choice in self.choices if _is_number(choice)]
        if numbers:
            return min(numbers), max(numbers)
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )

    def takes(self, value: Any) -> bool:
        """Whether fitting() would let a number pass."""
        try:
            self.fitting("", value)
        except BadParams:
            return False
        return _is_number(value)

    def entry(self) -> dict[str, Any]:
        """For the page's form, leaving out what the schema leaves open."""
        default = self.default
        if self.kind in ("integer", "number") and not self.choices:
            low, high = self.range()
            default = min(max(default, low), high) if _is_number(default) else None
        fields = {
            "default": default,
            "minimum": self.low,
            "maximum": self.high,
            "choices": list(self.choices),
            "help": self.help,
        }
        return {
            "name": self.name,
            "label": self.label,
            "type": self.kind or "string",
            **{name: value for name, value in fields.items() if value not in (None, [], "")},
        }


@dataclass(frozen=True)
class Schema:
    """The inputs of a model, by name and in its order."""

    inputs: Mapping[str, Input]
    fields: Mapping[str, str]
    """Our setting's name → the model's."""

    def input(self, setting: str) -> Input | None:
        """The model's input for one of our settings."""
        return self.inputs.get(self.fields.get(setting, ""))

    @property
    def schedulers(self) -> dict[str, str]:
        """Our scheduler id → the model's name; a name that is none of ours stands for itself."""
        names: dict[str, str] = {}
        offered = self.input("scheduler")
        for name in offered.choices if offered else ():
            entry = find(str(name))
            names[entry.id if entry and entry.id not in names else str(name)] = str(name)
        return names

    @property
    def ones(self) -> dict[str, int]:
        """What keeps it to one picture."""
        return {name: 1 for name in COUNTS if name in self.inputs and self.inputs[name].takes(1)}

    @property
    def needs_something(self) -> bool:
        """An empty request is refused, so it can never start a picture."""
        return any(entry.needed for entry in self.inputs.values())

    def own(self) -> tuple[dict[str, Any], ...]:
        """The inputs that are none of our settings, for the form.  Secrets stay out: a form ends up
        in links."""
        ours = {*self.fields.values(), *self.ones}
        return tuple(
            entry.entry()
            for entry in self.inputs.values()
            if entry.name not in ours and entry.kind in _KINDS and not entry.secret
        )

    def defaults(self) -> dict[str, Any]:
        """The model's defaults for our settings, where they are within our ranges."""
        return dict(self._defaults())

    def _defaults(self) -> Iterator[tuple[str, Any]]:
        names = {theirs: ours for ours, theirs in self.schedulers.items()}
        for setting in self.fields:
            default = getattr(self.input(setting), "default", None)
            if default is None or setting not in KNOBS or KNOBS[setting].kind is bytes:
                continue
            try:
                yield (
                    setting,
                    KNOBS[setting].check(
                        names.get(default, default) if setting == "scheduler" else default
                    ),
                )
            except BadParams:
                continue

    def limits(self) -> dict[str, tuple[float, float]]:
        """The model's ranges for our settings, where it tells both ends."""
        fields = {
            setting: entry.range()
            for setting in self.fields
            if setting in KNOBS and (entry := self.input(setting)) is not None
        }
        return {
            setting: pair for setting, pair in fields.items() if math.inf not in (-pair[0], pair[1])
        }

    def shapes(self) -> dict[str, Any]:
        """Sizes, their limits and their step, as Capabilities has them."""
        if (both := self.input("size")) and both.choices:
            return {
                "sizes": tuple(tuple(map(int, str(choice).split("x"))) for choice in both.choices)
            }
        across, down = self.input("width"), self.input("height")
        if across is None or down is None:
            return {}
        low, high = max(across.range()[0], down.range()[0]), min(across.range()[1], down.range()[1])
        squares = ((choice, choice) for choice in across.choices)
        usual = dict.fromkeys([(across.default, down.default), *USUAL_SIZES, *squares])
        sizes = tuple(pair for pair in usual if across.takes(pair[0]) and down.takes(pair[1]))
        ranges = {
            "size_limits": (int(max(64, low)), int(min(4096, high))),
            "sizes": sizes[:MOST_SIZES] or None,
            "size_step": int(max(across.step or 0, down.step or 0)) or None,
        }
        return {name: value for name, value in ranges.items() if value}


def read(document: Any) -> Schema | None:
    """The inputs in an OpenAPI document; None when it has none."""
    schemas = _dict(_dict(_dict(document).get("components")).get("schemas"))
    schema = _dict(schemas.get("Input"))
    needed = schema.get("required")
    listed = [
        _input(
            str(name), _whole(fields, schemas), name in (needed if isinstance(needed, list) else ())
        )
        for name, fields in _dict(schema.get("properties")).items()
    ]
    if not listed:
        return None
    inputs = {entry.name: entry for _, entry in sorted(listed, key=lambda pair: pair[0])}
    fields = {setting: name for setting in ALIASES if (name := _input_of(setting, inputs))}
    if {"width", "height"} <= set(fields) or not all(
        _SIZE.fullmatch(str(size)) for size in _sizes(inputs, fields)
    ):
        fields.pop("size", None)
    return Schema(inputs, fields)


_SIZE = re.compile(r"\d+x\d+")


def _sizes(inputs: Mapping[str, Input], fields: Mapping[str, str]) -> tuple[Any, ...]:
    """Words like "square" are a choice of the model's own; so is a size that is no text."""
    entry = inputs.get(fields.get("size", ""))
    return entry.choices if entry else ()


_KINDS = ("string", "integer", "number", "boolean", "")
_JOINS = ("allOf", "anyOf", "oneOf")
DEEPEST = 5
"""A schema that refers to itself ends here."""


def _input_of(setting: str, inputs: Mapping[str, Input]) -> str:
    """The input that takes this setting; one of another kind only has the same name."""
    kinds = (
        ("integer", "number", "")
        if setting in KNOBS and KNOBS[setting].is_number
        else ("string", "")
    )
    return next(
        (
            name
            for name in ALIASES[setting]
            if name in inputs and (inputs[name].kind in kinds or inputs[name].choices)
        ),
        "",
    )


def _input(name: str, fields: Mapping[str, Any], needed: bool) -> tuple[float, Input]:
    """An input and its place in the order."""
    default, choices = fields.get("default"), fields.get("enum")
    low, high, step = (
        number if _is_number(number := fields.get(word)) else None
        for word in ("minimum", "maximum", "multipleOf")
    )
    return _number(fields.get("x-order"), math.inf), Input(
        name,
        _kind(fields.get("type")),
        str(fields.get("title") or name),
        default if _is_plain(default) else None,
        low,
        high,
        step,
        tuple(filter(_is_plain, choices)) if isinstance(choices, list) else (),
        _help(fields),
        needed,
        bool(
            fields.get("x-cog-secret")
            or fields.get("writeOnly")
            or fields.get("format") == "password"
        ),
    )


def _kind(kind: Any) -> str:
    """OpenAPI 3.1 writes a list where a value may be missing."""
    kinds = [
        kind
        for kind in (kind if isinstance(kind, list) else [kind])
        if isinstance(kind, str) and kind != "null"
    ]
    return kinds[0] if kinds else ""


def _help(fields: Mapping[str, Any]) -> str:
    text = str(fields.get("description") or "")
    return "" if text == "An enumeration." else text


def _whole(fields: Any, schemas: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A property with everything that it refers to; what stands at the property itself wins."""
    fields = _dict(fields)
    named = schemas.get(str(fields.get("$ref", "")).rpartition("/")[2])
    parts = [
        named,
        *(part for word in _JOINS if isinstance(fields.get(word), list) for part in fields[word]),
    ]
    merged: dict[str, Any] = {}
    for part in parts if depth < DEEPEST else ():
        inner = _whole(part, schemas, depth + 1)
        merged |= inner if inner.get("type") != "null" else {}
    return merged | {name: value for name, value in fields.items() if name not in ("$ref", *_JOINS)}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_plain(value: Any) -> bool:
    """Text, a number, yes or no: what a form can show."""
    return isinstance(value, str | bool) or _is_number(value)


def _number(value: Any, otherwise: float) -> float:
    return value if _is_number(value) else otherwise


def _number_text(value: float) -> str:
    return f"{value:g}" if value != int(value) else str(int(value))
