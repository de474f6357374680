"""Short links in SQL: long texts by their ids, and how much room those of each browser take."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from sdplay.errors import BadParams
from sdplay.library.sql.database import Database
from sdplay.library.sql.tables import LINK_USES, LINKS

LEAST = 4096
"""Bytes that a link takes at least: its file and its lines."""
_U = LINK_USES.c


@dataclass(frozen=True)
class LinkRoom:
    """The bytes that the links of one browser, and those of all together, may take."""

    browser: int = 4 * 2**20
    server: int = 256 * 2**20


class Links:
    """Long texts by short ids.  Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def text(self, id: str) -> str | None:
        """The long text behind a short id."""
        with self._database.reading() as connection:
            return connection.scalar(sql.select(LINKS.c.query).where(LINKS.c.id == id))

    def all(self) -> list[tuple[str, str]]:
        """Every short id and its text."""
        with self._database.reading() as connection:
            return [(each.id, each.query) for each in connection.execute(sql.select(LINKS))]

    def put(self, id: str, text: str) -> None:
        """Remember a text for good: it counts for nobody, and never makes room."""
        with self._database.writing() as connection:
            connection.execute(self._insert(LINKS), {"id": id, "query": text})

    def add(self, id: str, text: str, owner: str, room: LinkRoom) -> list[str]:
        """Remember a browser's text, and return the ids that made room for it.

        The oldest that nobody opened go first; where all were opened, it refuses.
        """
        size = LEAST + len(text.encode("utf-8", "replace"))
        use = {"id": id, "owner": owner, "at": time.time_ns() // 1000, "size": size}
        with self._database.writing() as connection:
            if connection.scalar(sql.select(LINKS.c.id).where(LINKS.c.id == id)) is not None:
                connection.execute(sql.update(LINK_USES).where(_U.id == id).values(at=use["at"]))
                return []
            gone = [*_make_room(connection, owner, size, room)]
            connection.execute(self._insert(LINKS), {"id": id, "query": text})
            connection.execute(self._insert(LINK_USES), {**use, "opened": False})
            return gone

    def opened(self, id: str) -> None:
        """Note that somebody opened it, so that it stays."""
        unopened = (_U.id == id, ~_U.opened)
        with self._database.reading() as connection:
            if connection.scalar(sql.select(_U.id).where(*unopened)) is None:
                return
        with self._database.writing() as connection:
            connection.execute(sql.update(LINK_USES).where(*unopened).values(opened=True))

    def _insert(self, table: sql.Table) -> Any:
        """An insert that passes over what is there already, where the database can."""
        kinds: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
        kind = kinds.get(self._database.dialect)
        return kind(table).on_conflict_do_nothing() if kind else sql.insert(table)


def _make_room(connection: sql.Connection, owner: str, size: int, room: LinkRoom) -> Iterator[str]:
    """Take out links until one of that size fits, and tell their ids."""
    for whose, most, full in (
        (_U.owner == owner, room.browser, "The short links of this browser"),
        (sql.true(), room.server, "All short links together"),
    ):
        taken = sql.select(sql.func.coalesce(sql.func.sum(_U.size), 0)).where(whose)
        needed = int(connection.scalar(taken) or 0) + size - most
        ids = _unopened(connection, whose, needed)
        if ids is None:
            raise BadParams(
                f"{full} take as much room as they may here, and all were opened. Copy the long "
                "address from the top of your browser instead; start images do not go with it."
            )
        for table in (LINKS, LINK_USES):
            connection.execute(sql.delete(table).where(table.c.id.in_(ids)))
        yield from ids


def _unopened(connection: sql.Connection, whose: Any, needed: int) -> list[str] | None:
    """The oldest links that nobody opened, as many as take so many bytes; None: there are too
    few."""
    ids: list[str] = []
    asked = sql.select(_U.id, _U.size).where(whose, ~_U.opened).order_by(_U.at)
    for id, size in connection.execute(asked) if needed > 0 else ():
        ids.append(id)
        needed -= size
        if needed <= 0:
            break
    return ids if needed <= 0 else None
