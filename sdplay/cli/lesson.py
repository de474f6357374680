"""The command `lesson`: check a lesson's claim on a model, or print its worksheet."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from sdplay.errors import BadParams, LibraryError


def register(actions: Any) -> None:
    """Add the command to the others."""
    lesson = actions.add_parser("lesson", help="check a lesson's claim, or print its worksheet")
    verbs = lesson.add_subparsers(required=True, metavar="ACTION")
    check = verbs.add_parser(
        "check",
        help="measure how often its claim holds",
        description="Make the pictures of a lesson's check for all of its prompts and count how "
        "often the claim holds. Ends with 1 where that is fewer than 80 %.",
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="A lesson's .toml file.")
    check.add_argument("--backend", default="builtin", metavar="NAME", help="Where; builtin.")
    check.add_argument(
        "--write", action="store_true", help="Keep what was measured in the file, as [measured]."
    )
    check.add_argument("--json", action="store_true", help="Print a JSON list.")
    check.set_defaults(run=_check)
    sheet = verbs.add_parser("worksheet", help="a page to print, with its answer key")
    sheet.add_argument("files", nargs="+", type=Path, metavar="FILE", help="A lesson's .toml file.")
    sheet.add_argument("--out", type=Path, required=True, metavar="HTML", help="Where it goes.")
    sheet.set_defaults(run=_worksheet)


def _check(options: argparse.Namespace) -> int:
    from sdplay.backends import connect
    from sdplay.lessons import checking
    from sdplay.lessons.shelf import read_file

    lessons = [(file, read_file(file)) for file in options.files]
    backend = connect(options.backend)
    rows, failed = [], 0
    for file, lesson in lessons:
        verdicts = checking.check(lesson, backend)
        base = lesson.setup(backend.name, backend.probe()).params
        measured = checking.counted(verdicts, backend.model_version(base) or backend.label)
        failed += not checking.enough(measured)
        rows.append({"lesson": lesson.id, "claim": lesson.check.claim, **vars(measured)})
        if options.write:
            _keep(file, measured)
        if not options.json:
            print(f"{lesson.id}: {lesson.check.claim}\n  {measured.sentence}")
            for verdict in verdicts:
                mark = "holds" if verdict.held else "fails"
                print(f"  {mark}  {'; '.join(verdict.figures)}  {verdict.prompt}")
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
    if failed:
        print(f"{failed} of {len(rows)} claims hold for fewer than 80 %.", file=sys.stderr)
    return int(bool(failed))


def _keep(file: Path, measured: Any) -> None:
    """Write [measured] at the end of a lesson's file, in place of an older one."""
    from sdplay.files.whole_file import write_whole
    from sdplay.lessons.shelf import read_text

    text = re.sub(r"(?m)^\[measured\]\n(?:(?!\[).*\n?)*", "", read_text(file)).rstrip()
    lines = [
        "[measured]",
        f"model = {json.dumps(measured.model)}",
        f"held = {measured.held}",
        f"of = {measured.of}",
        f"against = {json.dumps(measured.against, ensure_ascii=False)}",
    ]
    write_whole(file, f"{text}\n\n{chr(10).join(lines)}\n".encode())


def _worksheet(options: argparse.Namespace) -> None:
    from sdplay.lessons.shelf import read_file
    from sdplay.lessons.worksheet import worksheet

    out: Path = options.out
    if out.suffix.lower() not in (".html", ".htm"):
        raise BadParams(f"A worksheet is an .html file, not {out.name!r}.")
    try:
        out.write_text(worksheet([read_file(file) for file in options.files]), encoding="utf-8")
    except OSError as error:
        raise LibraryError(f"{out} could not be written: {error.strerror}.") from error
    print(out)
