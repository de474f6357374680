"""The command `generate`: one picture, from settings given as flags."""

import argparse
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdplay.cli import progress_line
from sdplay.errors import BackendError, BadParams, LibraryError
from sdplay.files.whole_file import why, write_whole
from sdplay.knob import Knob
from sdplay.params import KNOBS, Params, random_seed
from sdplay.schedulers import known

if TYPE_CHECKING:
    from sdplay.backends import Capabilities

FLAGS = tuple(
    name
    for name, knob in KNOBS.items()
    if knob.is_plain and name not in ("prompt", "width", "height", "extra")
)
"""Settings with a flag of their own; the size has one for both sides."""


def register(actions: Any) -> None:
    """Add the command to the others."""
    generate = actions.add_parser(
        "generate", help="make one picture", description="Make one picture."
    )
    add_settings(generate)
    generate.add_argument(
        "--out", metavar="FILE", type=Path, help="Where the PNG goes; a new name if not given."
    )
    generate.add_argument(
        "--json", action="store_true", help="Print one JSON object instead of a sentence."
    )
    generate.set_defaults(run=_generate)


def add_settings(command: argparse.ArgumentParser) -> None:
    """Everything that names a picture, as flags."""
    command.add_argument("prompt", help=KNOBS["prompt"].help)
    for name in FLAGS:
        _add_flag(command, KNOBS[name])
    command.add_argument(
        "--size", metavar="WxH", help="Pixels across and down, in steps of 8, like 512x768."
    )
    command.add_argument("--init", metavar="FILE", type=Path, help=KNOBS["init"].help)
    command.add_argument("--mask", metavar="FILE", type=Path, help=KNOBS["mask"].help)
    command.add_argument(
        "--backend", metavar="NAME", default="", help="builtin, a1111, predict or local."
    )
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="Any other setting, or a raw field of the payload. May be repeated.",
    )


def _add_flag(command: argparse.ArgumentParser, knob: Knob) -> None:
    """The flag of one setting; that of a yes or no may stand alone."""
    flag = f"--{knob.name.replace('_', '-')}"
    alone: dict[str, Any] = {"nargs": "?", "const": "yes"} if knob.kind is bool else {}
    command.add_argument(
        flag, dest=knob.name, metavar=_metavar(knob), help=knob.help.replace("%", "%%"), **alone
    )


def _generate(options: argparse.Namespace) -> None:
    from sdplay.backends import connect
    from sdplay.metadata import sign
    from sdplay.picture import Picture, Progress

    backend = connect(options.backend)
    capabilities = backend.probe()
    params = requested(options, capabilities)
    file = options.out or new_name(params)
    check_writable(file)
    events = backend.generate(params)
    picture: Picture | None = None
    try:
        for event in events:
            if isinstance(event, Progress):
                step = f"{event.step} of {event.steps}" if event.step else ""
                progress_line.show(event.fraction, f"{step} {event.message}".strip())
            else:
                picture = event
    finally:
        events.close()  # type: ignore[attr-defined]  # a generator: closing it stops the backend
        progress_line.clear()
    if picture is None:
        raise BackendError(f"{backend.label} ended without a picture. Try again.")
    write(file, sign(picture.data, picture))
    for number, companion in enumerate(picture.others, 2):
        write(file.with_stem(f"{file.stem}-{number}"), sign(companion.data, companion))
    if options.json:
        receipt = picture.receipt.as_dict()
        print(
            json.dumps(
                {
                    "file": str(file),
                    "backend": backend.name,
                    **receipt,
                    "timing": picture.timing.as_dict(),
                }
            )
        )
        return
    print(f"{file}  {picture.timing.total:.2f} s, seed {params.seed}, {backend.label}")
    for warning in picture.receipt.warnings:
        print(f"  {warning}")


def requested(options: argparse.Namespace, capabilities: "Capabilities", **first: Any) -> Params:
    """The settings that the person gave, over these and the backend's own; a missing seed is drawn
    here."""
    return Params(**{**capabilities.defaults, **first, **_settings(options, capabilities)})


def _settings(options: argparse.Namespace, capabilities: "Capabilities") -> dict[str, Any]:
    from sdplay.files.decode import read_picture

    settings: dict[str, Any] = {"prompt": options.prompt, "seed": random_seed()}
    settings |= {
        name: getattr(options, name) for name in FLAGS if getattr(options, name) is not None
    }
    if options.size:
        size = re.fullmatch(r"(\d+)[x×](\d+)", options.size.lower())
        if not size:
            raise BadParams(f"Size must look like 512x768, not {options.size!r}.")
        settings |= {"width": int(size[1]), "height": int(size[2])}
    if options.mask and not options.init:
        raise BadParams("A mask needs a start image to act on. Add --init FILE.")
    for name in ("init", "mask"):
        if file := getattr(options, name):
            settings[name] = read_picture(file, f"The {KNOBS[name].label.lower()}")
    settings = with_sets(settings, options.set)
    if "scheduler" in settings:
        settings["scheduler"] = _scheduler(settings["scheduler"], capabilities)
    return settings


def _scheduler(name: str, capabilities: "Capabilities") -> str:
    """Ours by any of its names, or one that only this server has."""
    if capabilities.schedulers is None:
        return known(name).id
    if (chosen := capabilities.scheduler(name)) is None:
        near = capabilities.nearest_schedulers(name)
        raise BadParams(f"There is no scheduler called {name!r}. There are: {near}.")
    return chosen


def with_sets(settings: dict[str, Any], sets: list[str]) -> dict[str, Any]:
    """A known name sets that setting; any other goes into the payload as it stands."""
    extra: dict[str, Any] = {}
    for assignment in sets:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise BadParams(f"--set needs KEY=VALUE, not {assignment!r}.")
        key = key.strip()
        if key in KNOBS and not KNOBS[key].is_plain:
            raise BadParams(f"{KNOBS[key].label} is a picture: it cannot be set with --set.")
        if key in KNOBS:
            settings[key] = value
            continue
        try:
            extra[key] = json.loads(value)
        except ValueError:
            extra[key] = value
    return settings | ({"extra": json.dumps(extra)} if extra else {})


def new_name(params: Params, suffix: str = ".png") -> Path:
    """A file name made of prompt and seed, never one that is taken."""
    words = re.sub(r"[\W_]+", "-", params.prompt.lower()).strip("-")[:60] or "picture"
    name, count = f"{words}-{params.seed}", 1
    while Path(f"{name}{suffix}").exists():
        count += 1
        name = f"{words}-{params.seed}-{count}"
    return Path(f"{name}{suffix}")


def check_writable(file: Path) -> None:
    """Before the work: a picture that cannot be written would be lost."""
    if file.is_dir():
        raise BadParams(f"{file} is a folder. Give a file name with --out, like {file}/fox.png")
    beside = file.with_name(f".{file.name[:40]}.try")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(b"")
        beside.unlink()
    except (OSError, ValueError) as error:
        reason = why(error) if isinstance(error, OSError) else str(error)
        raise LibraryError(
            f"{file} cannot be written: {reason}. Choose another with --out."
        ) from error


def write(file: Path, data: bytes) -> None:
    """The file, or where it could not be written, one in the folder for temporary files."""
    try:
        write_whole(file, data)
    except OSError as error:
        reason = f"The picture could not be written to {file}: {error.strerror}."
        instead = Path(tempfile.gettempdir()) / file.name
        try:
            write_whole(instead, data)
        except OSError:
            raise LibraryError(f"{reason} Make room, then run the same command again.") from error
        raise LibraryError(f"{reason} It lies in {instead} instead.") from error


def _metavar(knob: Knob) -> str:
    return {int: "N", float: "F", bool: "yes|no"}.get(
        knob.kind, "ID" if knob.name == "scheduler" else "T"
    )
