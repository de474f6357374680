"""Libraries for tests on every kind of database: SQLite, PostgreSQL, and one without full-text
search."""

import atexit
import functools
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sql

from sdplay.library import Library
from sdplay.library.sql.full_text import PLAIN
from sdplay.library.sql.index import Index
from tests.postgres import postgres

KINDS = ("sqlite", "plain", "postgres")


@contextmanager
def library_on(kind: str, folder: Path) -> Iterator[Library]:
    """An empty library whose index is of this kind."""
    with closing(Library(folder, new_database() if kind == "postgres" else "")) as opened:
        if kind == "plain":
            opened.index.close()
            opened.index = Index(f"sqlite:///{folder / 'plain.db'}", words=PLAIN)
        yield opened


def new_database() -> str:
    """The address of an empty database on a PostgreSQL of our own; skips where there is none."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install '.[teams]'")
    server = _server()
    if server is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    name = f"t{uuid.uuid4().hex}"
    engine = sql.create_engine(
        sql.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@functools.cache
def _server() -> str | None:
    """One server for the whole run."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(postgres())
