"""Counts how many things differ between pictures, so that a comparison is fair, and can lock all
but one of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sdplay.compare.axes import Setup
from sdplay.compare.grammar import shown
from sdplay.compare.plan import Plan
from sdplay.params import KNOBS, Control, Params, differing
from sdplay.schedulers import find
from sdplay.wording import listed

PICTURE = "sha256:"
"""How a record names a picture that it does not carry."""


@dataclass(frozen=True)
class Verdict:
    """What differs between pictures."""

    names: tuple[str, ...]
    """Knob names, `backend` and `model_version`: those that can change the picture."""
    values: Mapping[str, tuple[Any, ...]]
    """Every value of each, in the order of the pictures, each once."""
    idle: tuple[str, ...] = ()
    """A sentence for each that differs but changes nothing here."""

    @property
    def level(self) -> Literal["same", "fair", "confounded"]:
        """How fair: nothing differs, one thing does, or several do and no cause can be named."""
        return "same" if not self.names else "fair" if len(self.names) == 1 else "confounded"

    @property
    def sentence(self) -> str:
        labels = [label(name) for name in self.names]
        if not labels:
            text = "Nothing differs: these settings are the same."
        elif len(labels) == 1:
            text = f"1 thing differs: {labels[0]}."
        else:
            text = (
                f"{len(labels)} things differ: {', '.join(labels[:-1])} and {labels[-1]}. "
                "What you see cannot be put down to one of them; lock the rest."
            )
        return " ".join((text, *self.idle))


def guard(compared: Sequence[Params | Setup], models: Sequence[str] = ()) -> Verdict:
    """What differs between two or more pictures; `models` says what each was made with, where that
    is known."""
    setups = [item if isinstance(item, Setup) else Setup("", item) for item in compared]
    names = {
        name: None for setup in setups[1:] for name in differing(setups[0].params, setup.params)
    }
    values: dict[str, tuple[Any, ...]] = {}
    if len({setup.backend for setup in setups} - {""}) > 1:
        values["backend"] = tuple(dict.fromkeys(setup.backend for setup in setups))
    if len({*models} - {""}) > 1 and "model" not in names and "backend" not in values:
        values["model_version"] = _once(models)
    settings = [setup.params.as_dict() for setup in setups] if names else []
    for name in KNOBS:
        if name in names:
            values[name] = _once([fields[name] for fields in settings])
    idle = {name: why for name in values if (why := _idle(name, setups))}
    return Verdict(tuple(name for name in values if name not in idle), values, tuple(idle.values()))


def guard_axes(plan: Plan) -> tuple[Verdict, ...]:
    """For each axis of a plan: what changes along it while the other axes stand still, at a place
    that is not skipped."""
    still = {
        at: next((number for number, mark in enumerate(varied.marks) if not mark.skip), 0)
        for at, varied in enumerate(plan.varied)
    }
    return tuple(
        guard(
            [row[0].setup for row in plan.table(at, None, still) if not row[0].skip] or [plan.base]
        )
        for at in range(len(plan.varied))
    )


@dataclass(frozen=True)
class Fairness:
    """In a few words, whether a difference can be put down to one thing."""

    words: str
    fair: bool
    sentence: str
    """The same axis by axis."""
    mixed: Verdict | None = None
    """What differs along the axis that changes several things."""


def fairness(plan: Plan) -> Fairness:
    """The pill that says whether a plan is a fair test."""
    of_axes = guard_axes(plan)
    sentence = plan_sentence(plan, of_axes)
    verdicts = [
        verdict
        for varied, verdict in zip(plan.varied, of_axes, strict=True)
        if sum(not mark.skip for mark in varied.marks) > 1
    ]
    if not verdicts:
        return Fairness("One picture: nothing to compare yet", True, sentence)
    if mixed := next((verdict for verdict in verdicts if verdict.level == "confounded"), None):
        names = listed([label(name) for name in mixed.names])
        return Fairness(f"Not fair: {names} differ together", False, sentence, mixed)
    if all(verdict.level == "same" for verdict in verdicts):
        if any(cell.setup.repeat for cell in plan.cells):
            return Fairness("Fair: the same settings, run after run", True, sentence)
        return Fairness("Nothing differs: the settings are the same", False, sentence)
    return Fairness(f"Fair: one thing differs{' per axis' * (len(verdicts) > 1)}", True, sentence)


def plan_sentence(plan: Plan, verdicts: Sequence[Verdict] = ()) -> str:
    """The guard's sentence above a grid; `verdicts` are those of its axes, when they are known
    already."""
    sentences = []
    for varied, verdict in zip(plan.varied, verdicts or guard_axes(plan), strict=True):
        if sum(not mark.skip for mark in varied.marks) > 1:
            sentences.append(
                f"Along {varied.axis.label}, {verdict.sentence[0].lower()}{verdict.sentence[1:]}"
            )
    return " ".join(sentences) or "One picture: there is nothing to compare yet."


def lock(compared: Sequence[Params], keep: Sequence[str], to: int = 0) -> tuple[Params, ...]:
    """The same pictures with all settings except `keep` taken from the picture at index `to`."""
    model = compared[to]
    return tuple(
        model.with_(**{name: getattr(params, name) for name in keep}) for params in compared
    )


def label(name: str) -> str:
    """A setting's name inside a sentence."""
    return KNOBS[name].name_inside if name in KNOBS else name.replace("_", " ")


def heading(name: str) -> str:
    """A setting's name before its value."""
    text = label(name)
    return f"{text[0].upper()}{text[1:]}"


def value_text(name: str, value: Any) -> str:
    """A value as the page shows it beside its setting."""
    entry = find(str(value)) if name == "scheduler" else None
    if entry:
        return entry.label
    if isinstance(value, (list, tuple)):
        return "; ".join(_unit_text(unit) for unit in value) or "(none)"
    if str(value).startswith(PICTURE):
        return f"a picture ({str(value)[len(PICTURE) :][:8]}…)"
    unset = KNOBS[name].unset if name in KNOBS else ""
    return (unset if unset and value in (None, "") else shown(value)) or "(none)"


def _unit_text(unit: Any) -> str:
    """A ControlNet unit, as Control or as a record tells it."""
    fields = asdict(unit) if isinstance(unit, Control) else dict(unit)
    parts = [str(fields.get("model") or "no model"), f"weight {shown(fields.get('weight', 1.0))}"]
    if (fields.get("module") or "none") != "none":
        parts.insert(1, f"preprocessor {fields['module']}")
    span = (fields.get("start", 0.0), fields.get("end", 1.0))
    if span != (0.0, 1.0):
        parts.append(f"from {span[0]:.0%} to {span[1]:.0%} of the steps")
    if (mode := fields.get("mode", "Balanced")) != "Balanced":
        parts.append(str(mode).lower())
    return ", ".join(parts)


def settings_text(values: Mapping[str, Any], without: Collection[str] = ()) -> list[str]:
    """Settings in words, each with its name, without prompt and size, which stand elsewhere."""
    return [
        f"{label(name)} {value_text(name, value)}"
        for name, value in values.items()
        if name not in ("prompt", "width", "height", *without)
    ]


def _once(values: Sequence[Any]) -> tuple[Any, ...]:
    unique: list[Any] = []
    for value in values:
        if value not in unique:
            unique.append(value)
    return tuple(unique)


def _idle(name: str, setups: Sequence[Setup]) -> str:
    idle = KNOBS[name].idle if name in KNOBS else None
    if idle is None or not all(idle.when(setup.params) for setup in setups):
        return ""
    text = label(name)
    return f"{text[0].upper()}{text[1:]} differs too, but {idle.words} it changes nothing."
