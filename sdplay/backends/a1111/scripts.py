"""The scripts of an A1111 server: what each takes, and a sentence for what it would refuse, misread
or drop."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

CONTROLNET = "controlnet"
MOST_KEYS = 16
"""Of an object's keys that are listed."""
MOST_LETTERS = 60
"""Of a default that is repeated."""
_PAGE_ONLY = {
    "sampler": "Steps and Scheduler",
    "seed": "Seed, Variation seed and Variation strength",
    "refiner": "Refiner and Refiner takes over at",
}
"""Scripts of A1111 that draw a part of its page and act nowhere else, and our settings for it."""


@dataclass(frozen=True)
class Argument:
    """One argument of a script."""

    label: str = ""
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """What stands there when nobody says otherwise; of an object only its keys."""
        if isinstance(self.default, Mapping) and self.default:
            keys = list(map(str, self.default))
            rest = f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
            return f"an object with {', '.join(keys[:MOST_KEYS])}{rest}"
        text = json.dumps(self.default, ensure_ascii=False)
        return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


@dataclass(frozen=True)
class Script:
    """One script of a server, for pictures from text or from a start image."""

    name: str
    from_image: bool
    always: bool | None = None
    """Whether it always runs; None where the server does not tell."""
    arguments: tuple[Argument, ...] | None = None

    def __str__(self) -> str:
        field = "alwayson_scripts" if self.always else "script_name"
        if self.arguments is None or self.always is None:
            return self.name
        return f"{self.name} ({field}): {', '.join(_in_words(self.arguments)) or 'no arguments'}"


def read_scripts(names: Any, details: Any) -> tuple[Script, ...] | None:
    """The scripts of `/scripts`, with what `/script-info` tells of them."""
    if not isinstance(names, Mapping):
        return None
    by_name = {
        (str(item.get("name", "")).lower(), bool(item.get("is_img2img"))): item
        for item in _list(details)
        if isinstance(item, Mapping)
    }
    kinds = ((False, _list(names.get("txt2img"))), (True, _list(names.get("img2img"))))
    scripts = (
        _script(name, from_image, by_name.get((name.lower(), from_image)))
        for from_image, listed in kinds
        for name in listed
        if isinstance(name, str)
    )
    return tuple(scripts) or None


def faults(
    body: Mapping[str, Any], scripts: Iterable[Script], page_only: bool = True
) -> Iterator[str]:
    """A sentence for everything about scripts that the server would refuse, misread or drop."""
    from_image = "init_images" in body
    listed = {script.name.lower(): script for script in scripts if script.from_image == from_image}
    elsewhere = {script.name.lower() for script in scripts} - set(listed)
    for name, always, arguments in _named(body):
        script = listed.get(name.lower())
        if script is None:
            yield _unknown(name, listed.values(), name.lower() in elsewhere, from_image)
        elif script.always is not None and script.always != always:
            yield _wrong_field(script)
        elif page_only and always and name.lower() in _PAGE_ONLY and arguments:
            yield (
                f"The script {name!r} acts only on the server's own page. Use these settings "
                f"instead: {_PAGE_ONLY[name.lower()]}."
            )
        else:
            yield from _miscounted(script, always, arguments)


def oddities(body: Mapping[str, Any], scripts: Iterable[Script]) -> Iterator[str]:
    """A sentence for every argument that is not among what the server lists for it."""
    from_image = "init_images" in body
    listed = {entry.name.lower(): entry for entry in scripts if entry.from_image == from_image}
    for name, _, values in _named(body):
        script = listed.get(name.lower())
        if script and script.arguments and isinstance(values, list):
            for argument, value in zip(script.arguments, values, strict=False):
                yield from _odd(script, argument, value)
    if body.get("script_args") and not body.get("script_name"):
        yield "Raw payload fields: script_args without a script_name were passed over."


def _named(body: Mapping[str, Any]) -> Iterator[tuple[str, bool, Any]]:
    """Every script in a request: its name, whether it stands among those that always run, and its
    arguments."""
    if name := str(body.get("script_name") or ""):
        yield name, False, body.get("script_args", [])
    always = body.get("alwayson_scripts")
    for name, value in always.items() if isinstance(always, Mapping) else ():
        yield name, True, value.get("args", []) if isinstance(value, Mapping) else None


def _script(name: str, from_image: bool, details: Mapping[str, Any] | None) -> Script:
    if details is None:
        return Script(name, from_image)
    arguments = tuple(
        Argument(
            str(item.get("label") or "").strip(),
            item.get("value"),
            _number(item.get("minimum")),
            _number(item.get("maximum")),
            tuple(_list(item.get("choices"))),
        )
        for item in _list(details.get("args"))
        if isinstance(item, Mapping)
    )
    always = details.get("is_alwayson")
    return Script(name, from_image, always if isinstance(always, bool) else None, arguments)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) else None


def _unknown(name: str, listed: Iterable[Script], elsewhere: bool, from_image: bool) -> str:
    if elsewhere:
        kind = "without a start image" if from_image else "with a start image"
        return f"The script {name!r} of this server works only {kind}."
    names = ", ".join(sorted(script.name for script in listed))
    return f"There is no script {name!r} on this server. There are: {names}."


def _wrong_field(script: Script) -> str:
    if script.always:
        return f"The script {script.name!r} always runs: it belongs into alwayson_scripts."
    return (
        f"The script {script.name!r} runs only when it is chosen: it belongs into script_name, "
        "with its arguments in script_args."
    )


def _miscounted(script: Script, always: bool, values: Any) -> Iterator[str]:
    """Of a script that always runs the server drops what is too much, and fills what is missing."""
    if not isinstance(values, list):
        example = f'{{"{script.name}": {{"args": []}}}}' if always else "a list"
        yield f"The arguments of the script {script.name!r} must be written like this: {example}"
        return
    if script.arguments is None:
        return
    most, many = len(script.arguments), len(values)
    if many > most and script.name.lower() == CONTROLNET:
        yield (
            f"ControlNet: this server takes {most} units at once, not {many}. Its own settings for "
            "ControlNet hold the number."
        )
    elif many > most or (many < most and not always):
        yield (
            f"The script {script.name!r} takes {_arguments(most)}, not {many}"
            f"{_listed(script.arguments)}."
        )


def _in_words(arguments: Sequence[Argument]) -> Iterator[str]:
    """Each argument with its default; those without a name by their place, like ones together."""
    for argument, places in groupby(enumerate(arguments, 1), key=lambda numbered: numbered[1]):
        numbers = [number for number, _ in places]
        if argument.label:
            yield from [f"{argument.label} = {argument}"] * len(numbers)
        elif len(numbers) == 1:
            yield f"argument {numbers[0]} = {argument}"
        else:
            yield f"arguments {numbers[0]} to {numbers[-1]}, each = {argument}"


def _arguments(count: int) -> str:
    return {0: "no arguments", 1: "1 argument"}.get(count, f"{count} arguments")


def _listed(arguments: tuple[Argument, ...]) -> str:
    """Their labels, for the end of a sentence."""
    names = [argument.label or f"argument {number}" for number, argument in enumerate(arguments, 1)]
    return f": {', '.join(names)}" if any(argument.label for argument in arguments) else ""


def _odd(script: Script, argument: Argument, value: Any) -> Iterator[str]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    low, high = argument.low, argument.high
    if number and low is not None and high is not None and not low <= value <= high:
        yield (
            f"Script {script.name}: {argument.label} goes from {low:g} to {high:g} on the server's "
            f"page, not to {value:g}."
        )
    if isinstance(value, str) and argument.choices and value not in map(str, argument.choices):
        choices = ", ".join(map(str, argument.choices[:12]))
        yield (
            f"Script {script.name}: the server lists no {value!r} for {argument.label}. It lists: "
            f"{choices}{' and more' if len(argument.choices) > 12 else ''}."
        )
