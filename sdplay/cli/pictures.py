"""The commands `sheet` and `animate`: the pictures of any folder on one sheet, or one after the
other."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdplay.errors import BadParams, LibraryError

BY = (
    "name, or a setting that the pictures carry: steps, cfg, strength …; the one number that "
    "differs among them, or else name, unless given."
)


def register(actions: Any) -> None:
    """Add the commands to the others."""
    sheet = actions.add_parser(
        "sheet",
        help="put the pictures of a folder on one labelled sheet",
        description="Put the pictures of a folder on one labelled sheet. Labels are the settings "
        "in which the pictures differ, or else their names.",
    )
    _add_common(sheet, "A .png file; named by the folder if not given.")
    sheet.add_argument("--columns", type=int, default=0, metavar="N", help="Pictures in a row.")
    sheet.add_argument(
        "--longest", type=int, default=320, metavar="N", help="Pixels of a picture; 320."
    )
    sheet.set_defaults(run=_sheet)
    animate = actions.add_parser(
        "animate",
        help="make a GIF, WebP or MP4 of the pictures of a folder",
        description="Make a GIF, WebP or MP4 that shows the pictures of a folder one after the "
        "other.",
    )
    _add_common(animate, "A .gif, .webp or .mp4 file; a GIF named by the folder if not given.")
    animate.add_argument(
        "--seconds", type=float, default=0.5, metavar="F", help="How long each is shown; 0.5."
    )
    animate.add_argument(
        "--ping-pong", action="store_true", help="Walk back again instead of jumping."
    )
    animate.add_argument(
        "--labels", action="store_true", help="Write on each what tells it from the others."
    )
    animate.add_argument(
        "--longest", type=int, default=512, metavar="N", help="Pixels of a picture; 512."
    )
    animate.set_defaults(run=_animate)


def _add_common(command: Any, out: str) -> None:
    command.add_argument("folder", metavar="DIR", type=Path, help="All pictures below it.")
    command.add_argument("--out", metavar="FILE", type=Path, help=out)
    command.add_argument("--by", metavar="WHAT", default="", help=BY)
    command.add_argument(
        "--every", type=int, default=1, metavar="N", help="Take each Nth picture only."
    )


def _sheet(options: argparse.Namespace) -> None:
    from sdplay.compare.exports.contact import contact_sheet

    _check_positive(options, "longest")
    if options.columns < 0:
        raise BadParams(f"--columns must be at least 1, not {options.columns}.")
    out = _out(options, "sheet", (".png",))
    chosen, labels = _chosen(options)
    data = contact_sheet(chosen, labels, columns=options.columns, longest=options.longest)
    _write(out, data, len(chosen))


def _animate(options: argparse.Namespace) -> None:
    from sdplay.compare.exports.animation import animate
    from sdplay.compare.exports.contact import frames

    _check_positive(options, "longest")
    if not 0.02 <= options.seconds <= 60:
        raise BadParams(f"--seconds must be between 0.02 and 60, not {options.seconds:g}.")
    out = _out(options, "animation", (".gif", ".webp", ".mp4"))
    chosen, labels = _chosen(options)
    data = animate(
        list(frames(chosen, labels, options.longest)),
        kind=out.suffix.lower()[1:],
        seconds=options.seconds,
        ping_pong=options.ping_pong,
        labels=options.labels,
    )
    _write(out, data, len(chosen))


def _chosen(options: argparse.Namespace) -> tuple[Sequence[Any], list[str]]:
    """The pictures in their order, and a label for each."""
    from sdplay.compare.exports.contact import in_order, label, labels_of, shots
    from sdplay.sweeps.folder import NO_PICTURE, tree

    _check_positive(options, "every")
    pictures, notes = tree(options.folder)
    for note in notes:
        if not note.endswith(NO_PICTURE):  # a sweep's folder has tables and a report in it
            print(note, file=sys.stderr)
    among = shots(pictures)
    if not among:
        raise BadParams(f"There is no picture in {options.folder} but sheets and animations.")
    ordered, by = in_order(among, options.by)
    chosen = ordered[:: options.every]
    names = labels_of(chosen, by)
    return chosen, [label(shot, names) for shot in chosen]


def _check_positive(options: argparse.Namespace, name: str) -> None:
    if getattr(options, name) < 1:
        raise BadParams(f"--{name} must be at least 1, not {getattr(options, name)}.")


def _out(options: argparse.Namespace, kind: str, kinds: Sequence[str]) -> Path:
    """Where it goes; without a wish a name that is free."""
    if options.out:
        if options.out.suffix.lower() not in kinds:
            raise BadParams(f"--out must end with {' or '.join(kinds)}, not {options.out.name!r}.")
        return Path(options.out)
    stem, count = f"{options.folder.resolve().name or 'pictures'}-{kind}", 1
    out = Path(f"{stem}{kinds[0]}")
    while out.exists():
        count += 1
        out = Path(f"{stem}-{count}{kinds[0]}")
    return out


def _write(out: Path, data: bytes, count: int) -> None:
    from sdplay.files.whole_file import why, write_whole
    from sdplay.wording import many

    try:
        write_whole(out, data)
    except OSError as error:
        raise LibraryError(f"{out} could not be written: {why(error)}.") from error
    print(f"{out}  {many(count, 'picture')}, {math.ceil(len(data) / 1e3):,} KB")
