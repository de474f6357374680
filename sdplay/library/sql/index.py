"""The index in SQL: one line for each picture, found by owner, time, any setting and any word."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError

from sdplay.errors import LibraryAway, LibraryError
from sdplay.library.query import Query
from sdplay.library.saved import Timed, Total
from sdplay.library.sql.database import Database
from sdplay.library.sql.full_text import (
    EVERY,
    WORDS,
    FullText,
    condition,
    kind_of,
    scopes_of,
    spelled,
    text_of,
)
from sdplay.library.sql.links import Links
from sdplay.library.sql.tables import (
    FACTS,
    LEFT_OUT,
    PICTURES,
    RECORDS,
    TABLES,
    form,
    is_marked,
    mark,
    meets,
    row,
)
from sdplay.params import KNOBS

Record = dict[str, Any]
GROUP_GAP = 30 * 60 * 10**6
"""Microseconds without a picture after which the same prompt begins a new group."""
LATELY = 5000
"""How many of the newest pictures fill a menu with their values."""
NEEDED = frozenset({"id", "made", "owner", "shared", "deleted", "file", "frames", "record"})
"""The fields without which a record counts as damaged."""
_C = PICTURES.c
# Made once: building a statement costs more than SQLite needs to answer it.
_PUT_LINE, _PUT_RECORD = sql.insert(PICTURES), sql.insert(RECORDS)
_GROUP_OF_ID = sql.select(_C.group).where(_C.id == sql.bindparam("id"))
_SAME_PROMPT = tuple(_C[name] == sql.bindparam(name) for name in ("owner", "prompt", "negative"))
_GROUP_BEFORE = (
    sql.select(_C.group)
    .where(*_SAME_PROMPT, _C.at.between(sql.bindparam("since"), sql.bindparam("at")))
    .order_by(_C.at.desc())
    .limit(1)
)
_GROUP_AFTER = (
    sql.select(_C.group)
    .where(*_SAME_PROMPT, _C.at.between(sql.bindparam("at"), sql.bindparam("until")))
    .order_by(_C.at)
    .limit(1)
)
_JOIN_GROUPS = (
    sql.update(PICTURES)
    .where(_C.group == sql.bindparam("later"))
    .values(group=sql.bindparam("earlier"))
)
_FINISHED_KEYS = sql.select(_C.key).where(
    _C.key.in_(sql.bindparam("keys", expanding=True)),
    ~_C.partial,
    ~_C.deleted,
)
_FINISHED_KEYS_OF = _FINISHED_KEYS.where(
    sql.or_(_C.owner == sql.bindparam("owner"), _C.owner == "")
)


class Index:
    """The index in one database. Every method is one transaction."""

    def __init__(
        self,
        address: str,
        patience: float = 10.0,
        words: FullText | None = None,
        repair: Callable[[str], Record | None] = lambda id: None,
    ) -> None:
        """`repair` returns the record of a picture by its id, for lines that are damaged."""
        self._repair, self._patience = repair, patience
        self._database = Database(address, patience)
        self.links = Links(self._database)
        with self._database.reading() as connection:
            self._words = words or kind_of(connection)
        self.is_new = self._made()

    def close(self) -> None:
        """Closes the connections to the database."""
        self._database.close()

    def add(self, record: Record) -> tuple[Record, int]:
        """Adds a record, a microsecond later if its time is taken, and returns it with its group.

        If the connection breaks in the middle, a new one is opened.
        """
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._add(record)
            except LibraryAway:
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def _add(self, record: Record) -> tuple[Record, int]:
        for later in range(1000):
            moved = {**record, "made": record["made"] + later}
            try:
                with self._database.writing() as connection:
                    self._await_turn(connection, record)
                    group = connection.scalar(_GROUP_OF_ID, {"id": record["id"]})
                    if group is None:
                        group = self._put(connection, moved)
            except IntegrityError:
                continue
            if self._database.dialect == "sqlite" and moved["made"] % 1000 == 0:
                # About every thousandth picture; PostgreSQL does so by itself.
                self.tidy()
            return moved, int(group)
        raise LibraryError(
            "The picture could not be put into the index: too many of the same moment. Try again."
        )

    def _await_turn(self, connection: sql.Connection, record: Record) -> None:
        """Waits for those who write pictures of the same prompt: two that see nothing of each other
        would both begin a group. SQLite lets only one write anyway."""
        if self._database.dialect == "postgresql":
            settings = record["record"]["params"]
            prompts = [settings.get(name, "") for name in ("prompt", "negative")]
            turn = sql.literal(mark([record["owner"], *prompts]), sql.BigInteger())
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(turn)))

    def replace(self, records: Sequence[Record]) -> None:
        """Writes many records at once, ordered by time, over those that the index has."""
        for _ in range(5):
            try:
                with self._database.writing() as connection:
                    self._drop(connection, _C.id.in_([record["id"] for record in records]))
                    for record in records:
                        self._put(connection, self._free(connection, record))
            except IntegrityError:
                # Another process put one of them in at this very moment.
                continue
            return
        raise LibraryError("Another process is changing the index. Try again when it is done.")

    def tidy(self) -> None:
        """Updates the database's statistics after many records were added, because its query plans
        depend on them."""
        if self._database.dialect in ("sqlite", "postgresql"):
            with self._database.writing() as connection:
                connection.exec_driver_sql("ANALYZE")

    def change(
        self, id: str, owner: str | None, before: Callable[[Record], None], **values: Any
    ) -> Record | None:
        """Changes values of a record if it belongs to this owner; None as the owner may change all.

        `before` is called with the new record first, and nothing changes if it raises an error.
        """
        with self._database.writing() as connection:
            whose = [] if owner is None else [_C.owner.in_({owner, ""})]
            line = connection.execute(
                _records(_C.group).where(_C.id == id, *whose).with_for_update()
            ).first()
            old = line and self._whole(line)
            if line is None or old is None:
                return None
            record = {**old, **values}
            before(record)
            self._drop(connection, _C.id == id)
            self._put(connection, record, line.group)
            return record

    def forget(self, ids: Iterable[str]) -> None:
        """Removes lines from the index."""
        with self._database.writing() as connection:
            for some in _batches(ids, 500):
                self._drop(connection, _C.id.in_(some))

    def page(
        self, query: Query, owner: str | None, after: int | None, limit: int
    ) -> list[tuple[Record, int]]:
        """The records and their groups, newest first, older than `after`. None as the owner sees
        all."""
        with self._database.reading() as connection:
            conditions = self._conditions(connection, query, owner)
            conditions += [_C.at < after] if after is not None else []
            ats = self._newest(connection, query, owner, conditions, limit)
            rows = connection.execute(
                _records(_C.group).where(_C.at.in_(ats)).order_by(_C.at.desc())
            )
            whole = ((self._whole(line), line.group) for line in rows)
            return [(record, group) for record, group in whole if record is not None]

    def lines(self, after: int = 0, limit: int = 1000) -> list[tuple[int, str, str]]:
        """Time, id and file of all pictures, oldest first, in steps."""
        statement = (
            sql.select(_C.at, _C.id, _C.file).where(_C.at > after).order_by(_C.at).limit(limit)
        )
        with self._database.reading() as connection:
            return [(line.at, line.id, line.file) for line in connection.execute(statement)]

    def total(self, query: Query, owner: str | None) -> Total:
        """The number of pictures that a query finds, and their seconds."""
        statement = sql.select(sql.func.count(), sql.func.coalesce(sql.func.sum(_C.seconds), 0.0))
        with self._database.reading() as connection:
            narrowed = self._narrowed(connection, statement, query, owner)
            return Total(*connection.execute(narrowed).one())

    def matches(self, query: Query, owner: str | None) -> dict[int, int]:
        """The number of pictures that a query finds in each group."""
        statement = sql.select(_C.group, sql.func.count()).group_by(_C.group)
        with self._database.reading() as connection:
            narrowed = self._narrowed(connection, statement, query, owner)
            return {group: int(count) for group, count in connection.execute(narrowed)}

    def _narrowed(
        self, connection: sql.Connection, statement: Any, query: Query, owner: str | None
    ) -> Any:
        """The statement over the pictures that a query finds, instead of over all."""
        statement = statement.select_from(self._joined() if query.has_words else PICTURES)
        statement = statement.where(self._spelled(query, owner)) if query.has_words else statement
        conditions = self._conditions(connection, query, owner)
        return statement.where(*conditions, self._visible(query, owner))

    def groups(
        self, ids: Iterable[int], owner: str | None, deleted: bool
    ) -> dict[int, tuple[Total, frozenset[str]]]:
        """The totals and the differing settings of these groups, over the pictures that this owner
        may see."""
        varying = [_varies(name).label(f"v_{name}") for name in KNOBS]
        statement = sql.select(
            _C.group, sql.func.count(), sql.func.sum(_C.seconds), *varying
        ).group_by(_C.group)
        statement = statement.where(
            _C.group.in_(list(ids)),
            _C.deleted == (sql.true() if deleted else sql.false()),
            self._visible(Query(scope="all"), owner),
        )
        with self._database.reading() as connection:
            return {
                group: (
                    Total(count, seconds),
                    frozenset(
                        name for name, varies in zip(KNOBS, varieties, strict=True) if varies
                    ),
                )
                for group, count, seconds, *varieties in connection.execute(statement)
            }

    def one(
        self, *where: Any, owner: str | None, shared: bool, binned: bool = False
    ) -> tuple[Record, int] | None:
        """The newest record that meets a condition and that this owner may see. `shared` includes
        what others shared, `binned` what is in the owner's bin."""
        visible = self._visible(Query(scope="all" if shared else "mine"), owner)
        there = self._there(owner) if binned else ~_C.deleted
        statement = _records(_C.group).where(*where, there, visible).order_by(_C.at.desc()).limit(1)
        with self._database.reading() as connection:
            line = connection.execute(statement).first()
        record = self._whole(line) if line else None
        return (record, line.group) if line and record is not None else None

    def files_of(self, ids: Sequence[str], owner: str | None) -> dict[str, str]:
        """The files of those of these pictures that this owner may see, by id, in this order."""
        visible = self._there(owner), self._visible(Query(scope="all"), owner)
        files: dict[str, str] = {}
        with self._database.reading() as connection:
            for batch in _batches(ids, 500):
                statement = sql.select(_C.id, _C.file).where(_C.id.in_(batch), *visible)
                files |= {line.id: line.file for line in connection.execute(statement)}
        return {id: files[id] for id in ids if id in files}

    def keys(self, keys: Sequence[str], owner: str | None) -> set[str]:
        """Those of these recipe keys that have a finished picture which belongs to this owner or to
        nobody."""
        statement, whose = (
            (_FINISHED_KEYS, {}) if owner is None else (_FINISHED_KEYS_OF, {"owner": owner})
        )
        finished: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(keys), 500):
                batch = {"keys": list(keys[start : start + 500]), **whose}
                finished |= set(connection.scalars(statement, batch))
        return finished

    def has(self, **facts: str) -> bool:
        """Whether there is a line for this picture, of any owner, in the bin or not."""
        statement = (
            sql.select(_C.at).where(*(_C[name] == value for name, value in facts.items())).limit(1)
        )
        with self._database.reading() as connection:
            return connection.scalar(statement) is not None

    def values(self, name: str, owner: str | None, limit: int = 200) -> list[Any]:
        """The recent values of a setting, most frequent first. Long texts and pictures are known
        only by their marks."""
        if name in KNOBS and is_marked(name):
            return []
        value = _C[name].label("value")
        lately = [
            sql.select(value)
            .where(scope, ~_C.deleted)
            .order_by(_C.at.desc())
            .limit(LATELY)
            .subquery()
            for scope in _scopes(Query(scope="all"), owner)
        ]
        values = sql.union_all(*(sql.select(part.c.value) for part in lately)).subquery().c.value
        statement = (
            sql.select(values).group_by(values).order_by(sql.func.count().desc()).limit(limit)
        )
        with self._database.reading() as connection:
            return [None if value == LEFT_OUT else value for value in connection.scalars(statement)]

    def owned(self, ids: Iterable[str], owner: str) -> int:
        """How many of these pictures belong to this owner."""
        mine = sql.select(sql.func.count()).where(_C.id.in_(list(ids)), _C.owner == owner)
        with self._database.reading() as connection:
            return int(connection.scalar(mine) or 0)

    def files_used(self, file: str) -> int:
        """How many lines name this file, in the bin or not."""
        with self._database.reading() as connection:
            return int(connection.scalar(sql.select(sql.func.count()).where(_C.file == file)) or 0)

    def input_used(self, number: int) -> bool:
        """Whether any line still names the start image or mask with this mark."""
        statement = sql.select(_C.at).where(sql.or_(_C.init == number, _C.mask == number)).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(statement) is not None

    def timings(self, backend: str, limit: int) -> list[Timed]:
        """The times of a backend's earlier pictures, newest first."""
        statement = sql.select(_C.scheduler, _C.work, _C.seconds, _C.at_once)
        statement = statement.where(_C.backend == backend, ~_C.partial, _C.work > 0)
        statement = statement.order_by(_C.at.desc()).limit(limit)
        with self._database.reading() as connection:
            return [Timed(*line) for line in connection.execute(statement)]

    def _made(self) -> bool:
        """Creates the tables if they are missing or of another version, and returns whether there
        were none."""
        with self._database.reading() as connection:
            if _form_of(connection) == form():
                return False
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # Two processes that start together: the second waits here and finds all done.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7264)")
            if _form_of(connection) == form():
                return False
            _put_aside(connection)
            TABLES.create_all(connection)
            for line in self._words.make:
                connection.exec_driver_sql(line)
            connection.execute(sql.delete(FACTS))
            connection.execute(sql.insert(FACTS), {"name": "form", "value": form()})
            return not self._filled(connection)

    def _filled(self, connection: sql.Connection) -> bool:
        """Writes every line anew from the records that the database still has."""
        last, some, damaged = 0, False, False
        while True:
            statement = (
                sql.select(RECORDS).where(RECORDS.c.at > last).order_by(RECORDS.c.at).limit(500)
            )
            rows = connection.execute(statement).all()
            if not rows:
                # What is damaged here is read again from the picture's own record file.
                return some and not damaged
            some, last = True, rows[-1].at
            connection.execute(
                sql.delete(RECORDS).where(RECORDS.c.at.in_([line.at for line in rows]))
            )
            for line in rows:
                if record := parsed(line.record):
                    self._put(connection, record)
                else:
                    damaged = True

    def _whole(self, line: Any) -> Record | None:
        """The record of a line, or what repair() returns for it."""
        return parsed(line.record) or self._repair(line.id)

    def _put(self, connection: sql.Connection, record: Record, group: int | None = None) -> int:
        """Writes all lines of a record, and returns its group."""
        line = row(record, 0)
        if group is None:
            group = _group(connection, line)
        line["group"] = group
        connection.execute(_PUT_LINE, line)
        record_text = json.dumps(record)
        connection.execute(_PUT_RECORD, {"at": record["made"], "record": record_text})
        scopes = scopes_of(record["owner"], record["shared"])
        text = text_of(
            record["record"]["params"].get("prompt", ""), record["tags"], record["note"], scopes
        )
        connection.execute(self._words.put_text, {"at": record["made"], "told": text})
        return group

    def _drop(self, connection: sql.Connection, where: Any) -> None:
        ats = connection.scalars(sql.select(_C.at).where(where)).all()
        if ats:
            connection.execute(sql.text(self._words.remove), [{"at": at} for at in ats])
            connection.execute(sql.delete(RECORDS).where(RECORDS.c.at.in_(ats)))
            connection.execute(sql.delete(PICTURES).where(_C.at.in_(ats)))

    def _free(self, connection: sql.Connection, record: Record) -> Record:
        """The record at its own time, or a microsecond later if another record has that time."""
        at = record["made"]
        while connection.scalar(sql.select(_C.at).where(_C.at == at)) is not None:
            at += 1
        return {**record, "made": at}

    def _newest(
        self,
        connection: sql.Connection,
        query: Query,
        owner: str | None,
        conditions: list[Any],
        limit: int,
    ) -> list[int]:
        """The times of the newest pictures that a query finds. Each owner condition is looked up in
        an index of its own."""
        if query.has_words:
            order: Any = sql.literal_column(f"words.{self._words.at}").desc()
            statement = (
                sql.select(_C.at)
                .select_from(self._joined())
                .where(self._spelled(query, owner), *conditions)
            )
            return list(
                connection.scalars(
                    statement.where(self._visible(query, owner)).order_by(order).limit(limit)
                )
            )
        newest: set[int] = set()
        for scope in _scopes(query, owner):
            newest.update(
                connection.scalars(
                    sql.select(_C.at).where(scope, *conditions).order_by(_C.at.desc()).limit(limit)
                )
            )
        return sorted(newest, reverse=True)[:limit]

    def _conditions(self, connection: sql.Connection, query: Query, owner: str | None) -> list[Any]:
        conditions = self._near(connection, query.near, owner) if query.near else []
        conditions += [_C.deleted == (sql.true() if query.deleted else sql.false())]
        conditions += [meets(name, value) for name, value in query.settings.items()]
        conditions += [_C.group.in_(query.groups)] if query.groups else []
        conditions += [_C.at >= int(query.since.timestamp() * 1e6)] if query.since else []
        return conditions + ([_C.at < int(query.until.timestamp() * 1e6)] if query.until else [])

    def _near(self, connection: sql.Connection, id: str, owner: str | None) -> list[Any]:
        """Conditions for pictures that differ from this one in exactly one setting, or in the
        backend. No picture meets them if this one may not be seen."""
        statement = sql.select(PICTURES).where(
            _C.id == id, self._visible(Query(scope="all"), owner), self._there(owner)
        )
        own = connection.execute(statement).mappings().first()
        if own is None:
            return [sql.false()]
        things = [_C[name] != own[name] for name in KNOBS]
        things += [sql.or_(_C.backend != own["backend"], _C.version != own["version"])]
        total: sql.ColumnElement[int] = sql.literal(0)
        for thing in things:
            total = total + sql.case((thing, 1), else_=0)
        # Prompt and seed cannot both differ, so one of them is the same: two short looks instead of
        # a long one.
        return [
            sql.or_(_C.prompt == own["prompt"], _C.seed == own["seed"]),
            ~_C.partial,
            total == 1,
        ]

    def _visible(self, query: Query, owner: str | None) -> Any:
        return sql.or_(*_scopes(query, owner))

    def _there(self, owner: str | None) -> Any:
        """The condition that a picture is not in the bin, or that it is in the owner's own."""
        return sql.or_(~_C.deleted, self._visible(Query(scope="mine"), owner))

    def _joined(self) -> Any:
        return sql.join(WORDS, PICTURES, sql.literal_column(f"words.{self._words.at}") == _C.at)

    def _spelled(self, query: Query, owner: str | None) -> Any:
        whose = [EVERY] if owner is None else [f"o{spelled(owner)}", "o"]
        whose = whose if owner is None or query.scope == "mine" else ["shared"]
        whose += [f"o{spelled(owner)}"] if owner is not None and query.scope == "all" else []
        return condition(self._words, query, whose)


def parsed(text: str | bytes) -> Record | None:
    """Reads a record from its text; None if the text is damaged."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(record, dict) and record.keys() >= NEEDED
    return record if whole else None


def _form_of(connection: sql.Connection) -> str:
    if not sql.inspect(connection).has_table("facts"):
        return ""
    return connection.scalar(sql.select(FACTS.c.value).where(FACTS.c.name == "form")) or ""


def _put_aside(connection: sql.Connection) -> None:
    """Drops the tables of another version. They are filled again from the records."""
    tables = sql.inspect(connection)
    if tables.has_table("pictures") and not tables.has_table("records"):
        connection.exec_driver_sql("ALTER TABLE pictures RENAME TO pictures_1")
    connection.exec_driver_sql("DROP TABLE IF EXISTS pictures")
    connection.exec_driver_sql("DROP TABLE IF EXISTS words")


def _varies(name: str) -> Any:
    """Whether a setting has more than one value in a group. PostgreSQL cannot order booleans, so
    they become numbers."""
    column = _C[name]
    value = sql.cast(column, sql.Integer) if isinstance(column.type, sql.Boolean) else column
    return sql.func.min(value) != sql.func.max(value)


def _group(connection: sql.Connection, line: Mapping[str, Any]) -> int:
    """The group of the pictures made shortly before or after with the same prompt, or a new group.

    Workers finish side by side, so an earlier picture may be written after a later one. One that
    lies between two groups joins them: groups never depend on who writes first.
    """
    like = {name: line[name] for name in ("owner", "prompt", "negative")}
    at = line["at"]
    before = connection.scalar(_GROUP_BEFORE, {**like, "since": at - GROUP_GAP, "at": at})
    after = connection.scalar(_GROUP_AFTER, {**like, "at": at, "until": at + GROUP_GAP})
    if before and after and before != after:
        connection.execute(_JOIN_GROUPS, {"later": after, "earlier": before})
    return int(before or after or at)


def _records(*columns: Any) -> Any:
    """The records, joined to their lines."""
    return sql.select(RECORDS.c.record, _C.id, *columns).join_from(
        PICTURES, RECORDS, RECORDS.c.at == _C.at
    )


def _scopes(query: Query, owner: str | None) -> list[Any]:
    """The conditions on the owner, of which one must hold. None as the owner sees all pictures."""
    if owner is None:
        return [sql.true()]
    shared = _C.shared == sql.true()
    if query.scope == "shared":
        return [shared]
    if query.scope == "all":
        return [_C.owner == owner, sql.and_(shared, _C.owner != owner)]
    return [_C.owner == name for name in dict.fromkeys((owner, ""))]


def _batches(values: Iterable[str], size: int) -> Iterator[list[str]]:
    waiting = list(values)
    for at in range(0, len(waiting), size):
        yield waiting[at : at + size]
