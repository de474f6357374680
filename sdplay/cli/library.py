"""The commands `info` and `library`: read any picture's settings; find, export, import and mend
what was kept."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sdplay.errors import LibraryError
from sdplay.params import KNOBS
from sdplay.schedulers import SCHEDULERS
from sdplay.wording import many

QUERY = (
    "Words of the prompt and conditions: fox -blue steps=20 cfg=5..9 stars>=3 tag=good "
    "made>=2026-01-31"
)
OWNER = "Only this owner's; everybody's if not given."


def register(actions: Any) -> None:
    """Add the commands to the command line."""
    info = actions.add_parser(
        "info",
        help="read the settings inside a picture",
        description="Read the settings inside "
        "PNG, JPEG and WebP files of sdplay, A1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus, "
        "SwarmUI, stable-diffusion.cpp and Civitai.",
    )
    info.add_argument("pictures", metavar="PICTURE", nargs="+", type=Path)
    info.add_argument("--json", action="store_true", help="Print a JSON list.")
    info.set_defaults(run=_info)
    library = actions.add_parser("library", help="find, export, import and mend kept pictures")
    _register_library(library.add_subparsers(required=True, metavar="ACTION"))


def _register_library(actions: Any) -> None:
    find = actions.add_parser("find", help="list pictures, newest first")
    _add_query(find)
    find.add_argument(
        "--limit", type=int, default=20, metavar="N", help="At most so many; 20 if not given."
    )
    find.add_argument("--json", action="store_true", help="Print a JSON list.")
    find.set_defaults(run=_find)
    table = actions.add_parser("csv", help="print settings and seconds as CSV")
    _add_query(table)
    table.set_defaults(run=_csv)
    export = actions.add_parser(
        "export", help="write pictures into a zip; the whole library without a query"
    )
    export.add_argument("file", metavar="FILE.zip", type=Path)
    _add_query(export)
    export.set_defaults(run=_export)
    take = actions.add_parser("import", help="take in a zip, pictures, or folders of pictures")
    take.add_argument("sources", metavar="SOURCE", nargs="+", type=Path)
    take.add_argument(
        "--owner",
        metavar="NAME",
        help="Whose they become; as it was, or everybody's, if not given.",
    )
    take.set_defaults(run=_import)
    reindex = actions.add_parser("reindex", help="make the index anew from the files")
    reindex.add_argument(
        "--adopt", metavar="NAME", help="Give pictures whose record is lost to this owner."
    )
    reindex.set_defaults(run=_reindex)
    purge = actions.add_parser("purge", help="empty the bin for good")
    purge.add_argument(
        "--days",
        type=float,
        default=30,
        metavar="N",
        help="What lies there so long; 30 if not given.",
    )
    purge.add_argument("--owner", metavar="NAME", help=OWNER)
    purge.set_defaults(run=_purge)


def _add_query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", nargs="*", help=QUERY)
    parser.add_argument("--owner", metavar="NAME", help=OWNER)


def _info(options: argparse.Namespace) -> int:
    from sdplay import metadata

    rows, failed = [], 0
    for picture in options.pictures:
        try:
            contents = metadata.read(picture.read_bytes())
        except (OSError, LibraryError) as error:
            failed = 1
            reason = error.strerror if isinstance(error, OSError) else str(error)
            print(f"{picture}: {reason}", file=sys.stderr)
            continue
        rows.append(
            {
                "file": str(picture),
                "dialect": contents.dialect,
                "width": contents.width,
                "height": contents.height,
                "settings": _our_settings(contents.settings),
                "script": metadata.script_of(metadata.parse_infotext(contents.text)),
                "notes": list(contents.notes),
                "text": contents.text,
            }
        )
    if options.json:
        print(json.dumps(rows))
        return failed
    for row in rows:
        _print_info(row)
    return failed


def _print_info(row: dict[str, Any]) -> None:
    print(f"{row['file']}  {row['width']}×{row['height']}  {row['dialect']}".rstrip())
    for name, value in row["settings"].items():
        if value not in ("", [], None) and (
            KNOBS[name].group == "main" or value != KNOBS[name].default
        ):
            text = SCHEDULERS[value].label if name == "scheduler" and value in SCHEDULERS else value
            print(f"  {KNOBS[name].label}: {text}")
    for name, value in row["script"].items():
        print(f"  {name if name == 'Script' else f'{name} axis'}: {value}")
    for note in row["notes"]:
        print(f"  {note}")
    if row["script"].keys() & set("XYZ"):
        print(f"  This is a grid. To make it again: python -m sdplay sweep {row['file']}")


def _our_settings(settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name in KNOBS}


def _library(mend: bool = False) -> Any:
    from sdplay.library import Library

    return Library.mended() if mend else Library.opened()


def _find(options: argparse.Namespace) -> None:
    library = _library()
    text = " ".join(options.query)
    page = library.page(text, options.owner, None, max(1, options.limit))
    if options.json:
        rows = [
            {
                "id": picture.id,
                "made": picture.made.isoformat(),
                "owner": picture.owner,
                "backend": picture.backend,
                "model": picture.model,
                "settings": picture.params.asked(),
                "seconds": picture.timing.work,
                "stars": picture.stars,
                "tags": list(picture.tags),
                "note": picture.note,
                "file": picture.file,
            }
            for picture in page.pictures
        ]
        print(json.dumps(rows))
        return
    for kept in page.pictures:
        prompt = " ".join(kept.params.prompt.split())[:60]
        print(
            f"{kept.id}  {kept.made:%Y-%m-%d %H:%M}  {kept.params.scheduler} "
            f"{kept.params.steps} steps "
            f"CFG {kept.params.cfg:g} seed {kept.params.seed}  {kept.timing.work:.1f} s  {prompt}"
        )
    total = library.total(text, options.owner)
    count = many(total.count, "picture")
    print(f"{count}, {total.seconds:.0f} s of work in all, {total.mean:.1f} s each.")


def _csv(options: argparse.Namespace) -> None:
    from sdplay.library.carry import table

    print(table(_library(), " ".join(options.query), options.owner), end="")


def _export(options: argparse.Namespace) -> None:
    from sdplay.library.carry import exported

    _tell(
        "written to " + str(options.file),
        exported(_library(), options.file, " ".join(options.query), options.owner),
    )


def _import(options: argparse.Namespace) -> int:
    from sdplay.library.carry import Carried, imported

    library, problems = _library(), 0
    for source in options.sources:
        try:
            if source.suffix.lower() == ".zip":
                carried = imported(library, source, options.owner)
            else:
                carried = _take(library, source, options.owner or "", Carried)
        except LibraryError as error:  # the next source may be sound
            carried = Carried(problems=(str(error),))
        _tell(f"taken in from {source}", carried)
        problems += len(carried.problems)
    return 1 if problems else 0


def _take(library: Any, source: Path, owner: str, carried: Any) -> Any:
    """One picture, or every picture of a folder."""
    from sdplay.metadata import SUFFIXES

    places = [source]
    if source.is_dir():
        places = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    count, problems = 0, []
    for place in places:
        try:
            library.take(place.read_bytes(), owner)
            count += 1
        except OSError as error:
            problems.append(f"{place}: {error.strerror}.")
        except LibraryError as error:
            problems.append(f"{place}: {error}")
    return carried(count, problems=tuple(problems))


def _tell(done: str, carried: Any) -> None:
    were = "was" if carried.known == 1 else "were"
    already = f", {carried.known} {were} there already" if carried.known else ""
    print(f"{many(carried.pictures, 'picture')} {done}{already}.")
    for problem in carried.problems:
        print(problem, file=sys.stderr)


def _reindex(options: argparse.Namespace) -> None:
    report = _library(mend=True).reindex(options.adopt)
    print(f"{many(report.listed, 'picture')} listed, {report.adopted} adopted.")
    for count, sentence in (
        (
            report.without_owner,
            "pictures have no record and are not listed: --adopt NAME gives them to somebody",
        ),
        (report.missing, "records have no picture any more"),
        (report.damaged, "records or pictures are damaged"),
    ):
        if count:
            print(f"{count} {sentence}.")


def _purge(options: argparse.Namespace) -> None:
    removed = _library().purge(options.owner, options.days)
    print(f"{many(removed, 'picture')} removed for good.")
