"""Opens a database by its address, runs transactions, and turns its errors into sentences."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from sdplay.errors import LibraryAway, LibraryError
from sdplay.settings import without_secrets

READER_PATIENCE = 2.0
"""Seconds that a page waits for a database that restarts. Whoever writes waits longer."""


class Database:
    """SQLite in a file, PostgreSQL, or any other database that SQLAlchemy has a driver for."""

    def __init__(self, address: str, patience: float) -> None:
        self._engine = _engine(address, patience)
        self._patience = patience
        self._reached = False
        """Whether it was ever reached: if so, it is likely to come back when it is away."""
        self.dialect = self._engine.dialect.name

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """Opens a transaction that only reads."""
        with _explained(), self._connected(READER_PATIENCE) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """Opens a transaction that writes. SQLite's write lock is taken at once, because asking for
        it later is refused without waiting."""
        with _explained(), self._connected(self._patience) as connected:
            connection = connected.execution_options(begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def _connected(self, patience: float) -> sql.Connection:
        """Opens a connection, and waits up to so many seconds for a database that restarts."""
        until = time.monotonic() + patience
        while True:
            try:
                connection = self._engine.connect()
            except OperationalError:
                if not self._reached or self.dialect == "sqlite" or time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                self._reached = True
                return connection


def is_damaged(path: Path, patience: float) -> bool:
    """Whether a SQLite file is damaged. A file that is locked, read-only or on a full disk is not:
    for it the answer is no."""
    try:
        address = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, patience, uri=True)) as file:
            return bool(file.execute("PRAGMA quick_check").fetchone() != ("ok",))
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError:
        return True


def _engine(address: str, patience: float) -> sql.Engine:
    try:
        url = sql.make_url(address)
        if url.get_backend_name() != "sqlite":
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername="postgresql+psycopg")
            return sql.create_engine(url, pool_pre_ping=True, hide_parameters=True)
        engine = sql.create_engine(
            url,
            connect_args={"timeout": patience, "isolation_level": None},
            hide_parameters=True,
        )
    except (SQLAlchemyError, ValueError) as error:
        raise LibraryError(
            "SDPLAY_DATABASE_URL is not the address of a database. Write it like "
            "postgresql://user:password@host/name."
        ) from error
    except ImportError as error:
        raise LibraryError(
            f"SDPLAY_DATABASE_URL needs more packages: pip install '.[teams]' ({error})."
        ) from error
    sql.event.listen(engine, "connect", partial(_set_up, patience))
    sql.event.listen(engine, "begin", _begin)
    return engine


def _set_up(patience: float, connection: sqlite3.Connection, _: Any) -> None:
    """Sets SQLite so that readers never wait for a writer, and committed data is on the disk."""
    # A flipped byte costs a letter, not the whole answer, and no error quotes the row it is in.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    cursor = connection.cursor()
    _write_ahead(cursor, patience)
    for line in ("synchronous=FULL", "temp_store=MEMORY", "analysis_limit=1000"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor, patience: float) -> None:
    """Turns on the write-ahead log. It has a wait of its own, since SQLite refuses at once while
    another process creates the file."""
    until = time.monotonic() + patience
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin(connection: sql.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


@contextmanager
def _explained() -> Iterator[None]:
    """Turns a database's errors into sentences. An entry that already exists is left to the
    caller."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error) as error:
        reason = without_secrets(str(getattr(error, "orig", None) or error)).split("\n")[0]
        raise _kind(error)(
            f"The library's database refused: {reason}. {_advice(reason, _kind(error))}"
        ) from error


def _kind(error: Exception) -> type[LibraryError]:
    """The kind of error: whether the database may be back later. A file has no server that
    restarts."""
    if not isinstance(error, DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return LibraryError
    away = isinstance(error, OperationalError) or error.connection_invalidated
    return LibraryAway if away else LibraryError


def _advice(reason: str, kind: type[LibraryError]) -> str:
    if "malformed" in reason or "not a database" in reason:
        return (
            "It is damaged, the picture files are not: python -m sdplay library reindex "
            "makes it anew."
        )
    if kind is LibraryAway:
        return (
            "It may be restarting: try again in a moment. Check SDPLAY_DATABASE_URL, and that the "
            "server runs, if it stays away. The picture files are safe."
        )
    return "The picture files are safe; check the folder's space and permissions, then try again."
