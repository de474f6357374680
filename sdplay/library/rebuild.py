"""Builds the index anew from the files, and removes files that no record names any more."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sdplay import metadata
from sdplay.errors import LibraryError
from sdplay.library.files import Store
from sdplay.library.sql.index import Index, Record
from sdplay.library.sql.tables import images_in, kept_of, mark, record_of, row

STEP = 500
DAMAGED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError)
"""The errors that reading a damaged record can raise."""


@dataclass(frozen=True)
class Reindexed:
    """What was found while the index was built anew."""

    listed: int = 0
    adopted: int = 0
    """Pictures that had lost their record and were given an owner."""
    without_owner: int = 0
    """Pictures that have lost their record and are not listed, because their owner is unknown."""
    missing: int = 0
    """Records whose picture is gone."""
    damaged: int = 0
    """Records that could not be read."""


def reindex(index: Index, files: Store, adopt: str | None = None) -> Reindexed:
    """Reads every record, and then every picture that no record names."""
    pictures = set(files.names("originals"))
    counts = dict.fromkeys(("listed", "adopted", "without_owner", "missing", "damaged"), 0)
    named: set[str] = set()
    ids: set[str] = set()
    for records in _steps(_read(files, counts)):
        whole = [record for record in records if record["file"] in pictures]
        counts["missing"] += len(records) - len(whole)
        index.replace(sorted(whole, key=lambda record: record["made"]))
        named.update(record["file"] for record in whole)
        ids.update(record["id"] for record in whole)
        counts["listed"] += len(whole)
    _forget_others(index, files, ids)
    files.sweep()
    for file in sorted(pictures - named):
        _adopt(index, files, file, adopt, counts)
    for link in files.names("links"):
        index.links.put(link, files.read("links", link).decode("utf-8", "replace"))
    index.tidy()
    return Reindexed(**counts)


def remove_unused(index: Index, files: Store, record: Record) -> None:
    """Removes a picture for good, with all its files that no other picture uses."""
    index.forget([record["id"]])
    files.remove("records", record["id"])
    file = record["file"]
    if not index.files_used(file):
        saved = files.many("originals", [file])
        files.remove("originals", file)
        if index.files_used(file) and saved:
            # The same picture was saved again in this very moment.
            files.write("originals", file, saved[file])
            return
        for kind in ("thumbnails", "frames"):
            files.remove(kind, file)
    for name in {record["record"]["params"].get("init"), record["record"]["params"].get("mask")} - {
        None,
        "",
    }:
        if not index.input_used(mark(name)):
            files.remove("inputs", name.removeprefix("sha256:"))


_SHAPE = {
    "id": str,
    "key": str,
    "owner": str,
    "made": int,
    "file": str,
    "width": int,
    "height": int,
    "shared": bool,
    "deleted": int,
    "stars": int,
    "tags": list,
    "note": str,
    "frames": bool,
    "record": dict,
}
_TOLD = {
    "params": dict,
    "backend": str,
    "model": str,
    "timing": dict,
    "receipt": dict,
    "partial": bool,
}


def checked(fields: Any) -> Record:
    """Checks a record read from a file: it must have every field in the right type, and only
    settings that can be used."""
    try:
        fine = all(isinstance(fields[name], kind) for name, kind in _SHAPE.items())
        fine = fine and all(
            isinstance(fields["record"][name], kind) for name, kind in _TOLD.items()
        )
        fine = (
            fine
            and all(isinstance(tag, str) for tag in fields["tags"])
            and 0 <= fields["stars"] <= 5
        )
        fine = (
            fine
            and len(fields["id"]) <= 32
            and len(fields["key"]) <= 32
            and len(fields["owner"]) <= 64
        )
        params = fields["record"]["params"]
        names = [
            fields["id"],
            fields["file"],
            *(name.removeprefix("sha256:") for name in images_in(params)),
        ]
        fine = (
            fine
            and all(name.isascii() and name.isalnum() for name in names)
            and 0 < fields["made"] < 2**53
        )
        saved = kept_of(fields, None, 0, lambda name: b"")
        images = {name: params[name] for name in ("init", "mask", "control") if name in params}
        whole = {
            **fields,
            "record": {
                **fields["record"],
                "params": {**params, **saved.params.as_dict(), **images},
            },
        }
        row(whole, 0)
    except DAMAGED as error:
        raise LibraryError("A record is damaged.") from error
    if not fine:
        raise LibraryError("A record is damaged.")
    return whole


def _read(files: Store, counts: dict[str, int]) -> Iterator[Record]:
    names = files.names("records")
    while some := list(itertools.islice(names, STEP)):
        for data in files.many("records", some).values():
            try:
                yield checked(json.loads(data))
            except (ValueError, LibraryError):
                counts["damaged"] += 1


def _steps(records: Iterator[Record]) -> Iterator[list[Record]]:
    while some := list(itertools.islice(records, STEP)):
        yield some


def _forget_others(index: Index, files: Store, ids: set[str]) -> None:
    """Removes the index lines of pictures that are gone, but not of those saved while the files
    were read."""
    after = 0
    while rows := index.lines(after):
        after = rows[-1][0]
        index.forget(
            id
            for _, id, file in rows
            if id not in ids and not (_is_readable(files, id) and files.has("originals", file))
        )


def _is_readable(files: Store, id: str) -> bool:
    try:
        checked(json.loads(files.read("records", id)))
    except (ValueError, LibraryError):
        return False
    return True


def _adopt(
    index: Index, files: Store, file: str, owner: str | None, counts: dict[str, int]
) -> None:
    """Gives a picture without a record an owner, and the settings found in its own file."""
    if owner is None:
        counts["without_owner"] += 1
        return
    try:
        picture = metadata.adopted(files.read("originals", file))
        image = picture.image()
    except (LibraryError, OSError):
        counts["damaged"] += 1
        return
    record = record_of(
        picture,
        metadata.record(picture),
        owner=owner,
        shared=not owner,
        file=file,
        width=image.width,
        height=image.height,
    )
    files.write("records", record["id"], json.dumps(record).encode(), again=True)
    index.add(record)
    counts["adopted"] += 1
