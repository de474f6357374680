"""A table that several processes add to: a small file for each row, merged into one CSV, every row
once."""

import contextlib
import csv
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdplay.errors import LibraryError
from sdplay.files.spreadsheet import table_text
from sdplay.files.whole_file import write_whole

ID = "row"
"""The column that names a row's file, so that a row already in the table is known again."""


class Ledger:
    """Records in a folder, and the table that is made of their rows.

    A record's name is made of what it is about: whoever writes it again writes the same one.
    """

    def __init__(self, folder: Path, table: Path, columns: Sequence[str]) -> None:
        self.folder, self.table, self.columns = folder, table, (*columns, ID)
        self._records: dict[str, dict[str, Any]] = {}
        self._versions: dict[str, tuple[int, int]] = {}
        self._next_merge = 0.0
        self._merged: set[tuple[str, tuple[int, int]]] = set()

    def get(self, name: str) -> dict[str, Any] | None:
        """A record as it stands on the disk now."""
        try:
            return dict(json.loads((self.folder / f"{name}.json").read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise LibraryError(
                f"{self.folder / f'{name}.json'} cannot be read: {error}. Remove it, then run the "
                "same command again."
            ) from error

    def put(self, name: str, record: Mapping[str, Any]) -> None:
        """Write a record, its row among it; merge() brings it into the table."""
        text = json.dumps(record, ensure_ascii=False)
        try:
            write_whole(self.folder / f"{name}.json", text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise LibraryError(
                f"{self.folder} could not be written: {error.strerror}. Make room, then run the "
                "same command again."
            ) from error

    def records(self) -> dict[str, dict[str, Any]]:
        """All records by name; only those that changed are read again."""
        for name, version in self._on_disk().items():
            if self._versions.get(name) != version and (record := self.get(name)) is not None:
                self._records[name], self._versions[name] = record, version
        return self._records

    def merge(self) -> None:
        """Bring the table up to date.

        Whoever replaces the table looks once more afterwards: a row that came meanwhile from
        another process is in it before both have ended.
        """
        while (now := set(self._on_disk().items())) != self._merged or not self.table.exists():
            if not now:
                return
            records = self.records()
            self._write(records)
            self._merged = now

    def merge_now_and_then(self) -> None:
        """Often enough to be followed, and never a large part of the time."""
        started = time.monotonic()
        if started < self._next_merge:
            return
        with contextlib.suppress(LibraryError):  # open elsewhere: the end of the run tries again
            self.merge()
        self._next_merge = time.monotonic() + max(1.0, 20 * (time.monotonic() - started))

    def _on_disk(self) -> dict[str, tuple[int, int]]:
        stamps = {}
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".json") and not entry.name.startswith("."):
                        about = entry.stat()
                        stamps[entry.name.removesuffix(".json")] = (
                            about.st_mtime_ns,
                            about.st_size,
                        )
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return stamps

    def _write(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        rows = {name: {**record["row"], ID: name} for name, record in records.items()}
        try:
            file, standing = self._table_now()
            there = {str(row.get(ID)) for row in standing}
            new = [row for name, row in rows.items() if name not in there]
            new.sort(key=lambda row: (str(row.get("when")), row[ID]))
            # A line that is nobody's record stays as it is: this table is added to, never wiped.
            lines = [*(rows.get(str(row.get(ID)), row) for row in standing), *new]
            write_whole(file, table_text(self.columns, lines).encode())
        except OSError as error:
            raise LibraryError(
                f"{self.table} could not be written: {error.strerror}. Close it elsewhere, then "
                "run the same command again."
            ) from error

    def _table_now(self) -> tuple[Path, list[dict[str, str]]]:
        """The table and its lines, or the next one where other columns stand in it."""
        count, file = 1, self.table
        while file.exists():
            try:
                text = file.read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError:
                text = ""
            lines = csv.DictReader(io.StringIO(text, newline=""))
            if tuple(lines.fieldnames or ()) == self.columns:
                return file, list(lines)
            count += 1
            file = self.table.with_name(f"{self.table.stem}-{count}{self.table.suffix}")
        return file, []
