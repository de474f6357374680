"""Takes pictures out of a library and into one, as a zip of PNG, CSV and JSON or as any picture
files."""

import hashlib
import io
import json
import os
import re
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from sdplay import metadata
from sdplay.errors import LibraryError
from sdplay.files.spreadsheet import table_text, write_table
from sdplay.files.whole_file import whole
from sdplay.library.library import Library
from sdplay.library.query import Query, query
from sdplay.library.rebuild import checked
from sdplay.library.saved import moment
from sdplay.library.sql.index import Record
from sdplay.library.sql.tables import PICTURES, images_in
from sdplay.params import KNOBS

LIST = "pictures.json"
LINKS = "links.json"
MAX_FILE = 512 * 2**20
VISITOR_FILE = 64 * 2**20
"""The most bytes that one file of a visitor's zip may unpack to. The administrator has no such
limit."""
MAX_LINE = 4 * 2**20
"""The most bytes of one picture's record, which holds its prompts and settings as JSON."""
VISITOR_LISTING = 8 * 2**20
"""The most bytes of the list of files inside a visitor's zip: about 80,000 names, which take ten
times as much memory."""
PICTURES_ENDS = (".png", ".jpg", ".jpeg", ".webp")
_TIMES = ("total", "queued", "company", "network", "load", "sampling", "decode", "share")
COLUMNS = (
    "file",
    "id",
    "made",
    "backend",
    "model_version",
    *(f"seconds_{name}" for name in _TIMES),
    *(name for name, knob in KNOBS.items() if knob.is_plain),
    "stars",
    "tags",
    "note",
    "warnings",
)


@dataclass(frozen=True)
class Carried:
    """How many pictures were exported or imported, and a sentence for each one that was not."""

    pictures: int = 0
    known: int = 0
    """Pictures that the library already had."""
    problems: tuple[str, ...] = ()


def exported(
    library: Library,
    to: Path | IO[bytes],
    selection: Query | str | Sequence[str] = "",
    owner: str | None = "",
) -> Carried:
    """Writes the pictures of a query, or with these ids, into a zip.

    Without an owner it is the whole library with bin, links and owners, so that it can be imported
    elsewhere without loss. Otherwise no owner's name is written, because the name gives access to
    all that is theirs.
    """
    records = _Records(
        library, query(selection) if isinstance(selection, str) else selection, owner
    )
    with _zip(to) as archive:
        count = 0
        problems = []
        for record in records:
            try:
                _pack(library, archive, record)
                count += 1
            except LibraryError as error:
                problems.append(f"{_name(record)}: {error}")
        with archive.open("pictures.csv", "w", force_zip64=True) as file:
            lines = io.TextIOWrapper(file, "utf-8-sig", newline="")
            write_table(lines, COLUMNS, map(_metrics, records))
            lines.detach()
        with archive.open(LIST, "w", force_zip64=True) as file:
            before = b"[\n"
            for record in records:
                file.write(before + json.dumps(_public(record, owner)).encode())
                before = b",\n"
            file.write(b"[]\n" if before == b"[\n" else b"\n]\n")
        if owner is None:
            archive.writestr(LINKS, json.dumps(dict(library.index.links.all())))
    return Carried(count, problems=tuple(problems))


def imported(library: Library, source: Path | IO[bytes], owner: str | None = "") -> Carried:
    """Imports such a zip, or a zip of any pictures. Without an owner every picture goes back to the
    owner it had."""
    try:
        if owner is not None:
            _check_listing(source)
        with zipfile.ZipFile(source) as archive:
            if LIST in archive.namelist():
                return _listed(library, archive, owner)
            return _loose(library, archive, owner or "")
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise LibraryError(
            f"The zip file could not be read: {error}. Download or copy it again."
        ) from error
    except OSError as error:
        raise LibraryError(f"{source} could not be read: {error.strerror or error}.") from error


def table(
    library: Library, selection: Query | str | Sequence[str] = "", owner: str | None = ""
) -> str:
    """Lists the settings, seconds and marks of the pictures of a query, or with these ids, as CSV
    with one line for each picture."""
    records = _Records(
        library, query(selection) if isinstance(selection, str) else selection, owner
    )
    return table_text(COLUMNS, map(_metrics, records))


class _Records:
    """The records to export, read again for each part of the zip, so that memory does not grow with
    their number."""

    def __init__(
        self, library: Library, selection: Query | Sequence[str], owner: str | None
    ) -> None:
        self.library, self.selection, self.owner = library, selection, owner

    def __iter__(self) -> Iterator[Record]:
        index = self.library.index
        if not isinstance(self.selection, Query):
            for id in self.selection:
                rows = index.one(PICTURES.c.id == id, owner=self.owner, shared=True)
                if rows:
                    yield rows[0]
            return
        for deleted in (False, True) if self.owner is None else (False,):
            after: int | None = None
            while found_now := index.page(
                replace(self.selection, deleted=deleted), self.owner, after, 200
            ):
                after = found_now[-1][0]["made"]
                yield from (record for record, _ in found_now)


@contextmanager
def _zip(to: Path | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Writes a zip that is either whole or absent. Nothing is compressed, because PNG already
    is."""
    try:
        with (
            whole(to) if isinstance(to, Path) else nullcontext(to) as target,
            zipfile.ZipFile(target, "w") as archive,
        ):
            yield archive
    except OSError as error:
        raise LibraryError(
            f"The zip file could not be written to {to}: {error.strerror or error}."
        ) from error


def _pack(library: Library, archive: zipfile.ZipFile, record: Record) -> None:
    archive.writestr(_name(record), library.files.read("originals", record["file"]))
    extra = [("frames", record["file"])] if record["frames"] else []
    extra += [
        ("inputs", name.removeprefix("sha256:")) for name in images_in(record["record"]["params"])
    ]
    for kind, name in extra:
        if f"{kind}/{name}" not in archive.NameToInfo and library.files.has(kind, name):
            archive.writestr(f"{kind}/{name}", library.files.read(kind, name))


def _listed(library: Library, archive: zipfile.ZipFile, owner: str | None) -> Carried:
    count, present, problems = 0, 0, []
    with archive.open(LIST) as lines:
        while line := lines.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                problems.append(
                    f"{LIST} has a line of more than {MAX_LINE // 2**20} MB: it and what follows "
                    "were left out."
                )
                break
            text = line.strip().rstrip(b",")
            if text in (b"[", b"]", b"[]", b""):
                continue
            try:
                if _unpack(library, archive, checked(json.loads(text)), owner):
                    count += 1
                else:
                    present += 1
            except LibraryError as error:
                problems.append(f"A picture was left out. {error}")
            except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error):
                problems.append("A picture was left out. Its part of the zip file is damaged.")
    if owner is None and LINKS in archive.namelist():
        for text in json.loads(_bytes(archive, LINKS, MAX_FILE)).values():
            library.shorten(str(text), None)
    library.index.tidy()
    return Carried(count, present, tuple(problems))


def _unpack(library: Library, archive: zipfile.ZipFile, record: Record, owner: str | None) -> bool:
    """Imports one picture, and returns False if the library already has it."""
    most = MAX_FILE if owner is None else VISITOR_FILE
    data = _bytes(archive, _name(record), most)
    if hashlib.sha256(data).hexdigest() != record["file"]:
        raise LibraryError(f"{_name(record)} is damaged.")
    metadata.decoded(data, metadata.MAX_PIXELS if owner is None else metadata.VISITOR_PIXELS)
    if owner is not None:
        record = {**record, "owner": owner, "shared": not owner, "deleted": 0}
    if library.index.has(file=record["file"], owner=record["owner"]):
        return False
    if library.index.has(id=record["id"]):
        record = {**record, "id": uuid.uuid4().hex}
    names = [name.removeprefix("sha256:") for name in images_in(record["record"]["params"])]
    inputs = [
        _bytes(archive, f"inputs/{name}", most)
        for name in names
        if f"inputs/{name}" in archive.NameToInfo
    ]
    frames = f"frames/{record['file']}"
    extra = {"frames": _bytes(archive, frames, most)} if frames in archive.NameToInfo else {}
    library.put({**record, "frames": bool(extra)}, {"originals": data, **extra}, inputs)
    return True


def _loose(library: Library, archive: zipfile.ZipFile, owner: str) -> Carried:
    count, problems = 0, []
    for entry in archive.infolist():
        if entry.filename.lower().endswith(PICTURES_ENDS) and not entry.is_dir():
            try:
                library.take(_bytes(archive, entry.filename, VISITOR_FILE), owner)
                count += 1
            except (LibraryError, zipfile.BadZipFile, zlib.error) as error:
                problems.append(f"{entry.filename[-80:]}: {error}")
    if not count and not problems:
        problems = ["There is no picture in the zip file."]
    return Carried(count, problems=tuple(problems))


def _bytes(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Reads one file of a zip, but not one that is too large, whether it says so or hides it."""
    try:
        entry = archive.getinfo(name)
    except KeyError as error:
        raise LibraryError(f"{name[-80:]} is missing in the zip file.") from error
    if entry.file_size <= most:
        with archive.open(entry) as file:
            data = file.read(most + 1)
        if len(data) <= most:
            return data
    raise LibraryError(f"{name[-80:]} is larger than {most // 2**20} MB and was not unpacked.")


def _check_listing(source: Path | IO[bytes]) -> None:
    """Refuses a zip whose list of files is too long for a visitor's, before that list is read."""
    with open(source, "rb") if isinstance(source, Path) else nullcontext(source) as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 2**16 - 22))
        before, mark, end = file.read().rpartition(b"PK\5\6")
        file.seek(0)
    huge = before[-20:].startswith(b"PK\6\7")
    if mark and len(end) >= 12:
        huge = huge or struct.unpack_from("<I", end, 8)[0] > VISITOR_LISTING
    if huge:
        raise LibraryError(
            "The zip file has too many files to be read here. Split it, or use "
            "python -m sdplay library import."
        )


def _public(record: Record, owner: str | None) -> Record:
    return record if owner is None else {**record, "owner": "", "shared": True, "deleted": 0}


def _name(record: Record) -> str:
    """A file name that sorts by time, says what the picture shows, and has only letters that every
    system accepts."""
    params = record["record"]["params"]
    words = (
        re.sub(r"[^a-z0-9]+", "-", str(params.get("prompt", "")).lower())[:40].strip("-")
        or "picture"
    )
    when = f"{moment(record['made']):%Y-%m-%d_%H%M%S}"
    return f"pictures/{when}_{words}_{params.get('seed', 0)}_{record['id'][:8]}.png"


def _metrics(record: Record) -> dict[str, Any]:
    fields = record["record"]
    seconds = {f"seconds_{name}": fields["timing"].get(name) for name in _TIMES}
    return {
        **fields["params"],
        **seconds,
        "file": _name(record),
        "id": record["id"],
        "backend": fields["backend"],
        "made": moment(record["made"]).isoformat(),
        "model_version": fields["model"],
        "stars": record["stars"],
        "tags": " ".join(record["tags"]),
        "note": record["note"],
        "warnings": " ".join(fields["receipt"]["warnings"]),
    }
