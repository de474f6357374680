"""Short links in SQL: long texts by their ids, and the room that the links of each browser take."""

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
"""The bytes that each link takes at least, for its file and its lines."""
_U = LINK_USES.c


@dataclass(frozen=True)
class LinkRoom:
    """The most bytes for the links of one browser, and for those of all browsers."""

    browser: int = 4 * 2**20
    server: int = 256 * 2**20


class Links:
    """Long texts by short ids. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def text(self, id: str) -> str | None:
        """The long text of a short id."""
        with self._database.reading() as connection:
            return connection.scalar(sql.select(LINKS.c.query).where(LINKS.c.id == id))

    def all(self) -> list[tuple[str, str]]:
        """Every short id with its text."""
        with self._database.reading() as connection:
            return [(each.id, each.query) for each in connection.execute(sql.select(LINKS))]

    def put(self, id: str, text: str) -> None:
        """Stores a text for good, without counting it against the room of a browser."""
        with self._database.writing() as connection:
            connection.execute(self._insert(LINKS), {"id": id, "query": text})

    def add(self, id: str, text: str, owner: str, room: LinkRoom) -> list[str]:
        """Stores a text of a browser, and returns the ids that were removed to make room.

        The oldest that nobody opened are removed first. If all were opened, the new text is
        refused.
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
        """Notes that somebody opened a link, so that it is not removed."""
        unopened = (_U.id == id, ~_U.opened)
        with self._database.reading() as connection:
            if connection.scalar(sql.select(_U.id).where(*unopened)) is None:
                return
        with self._database.writing() as connection:
            connection.execute(sql.update(LINK_USES).where(*unopened).values(opened=True))

    def _insert(self, table: sql.Table) -> Any:
        """An insert that skips lines which already exist, if the database supports it."""
        kinds: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
        kind = kinds.get(self._database.dialect)
        return kind(table).on_conflict_do_nothing() if kind else sql.insert(table)


def _make_room(connection: sql.Connection, owner: str, size: int, room: LinkRoom) -> Iterator[str]:
    """Removes links until one of that size fits, and returns the removed ids."""
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
    """The oldest links that nobody opened and that together take so many bytes; None if there are
    too few."""
    ids: list[str] = []
    asked = sql.select(_U.id, _U.size).where(whose, ~_U.opened).order_by(_U.at)
    for id, size in connection.execute(asked) if needed > 0 else ():
        ids.append(id)
        needed -= size
        if needed <= 0:
            break
    return ids if needed <= 0 else None
