"""Full-text search over prompts, tags and notes: SQLite's FTS5, PostgreSQL's text search, or plain
comparison elsewhere.

Words are spelled in ASCII letters and digits before they reach a database, so that all three find
the same: `fox` is `wfox`, a letter outside ASCII is `z` and its code, a tag `t…`, an owner `o…`, a
shared picture `shared`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sql

from sdplay.library.query import Query

WORDS = sql.table("words", sql.column("at", sql.BigInteger), sql.column("told", sql.Text))
MANY = 5000
ASKED = 40
"""The most words of a search; further ones are ignored."""
EVERY = "every"
"""The word that every picture has."""
_WORD = re.compile("[^\\W\u2e80-\U0001ffff]+|\\w|[\u2190-\u2bff\U0001f000-\U0001faff]")
"""Letters that form a word together; a single letter in scripts without spaces, such as Chinese; or
an emoji."""


@dataclass(frozen=True)
class FullText:
    """The full-text index of one kind of database: `FTS5`, `TSVECTOR` or `PLAIN` below."""

    make: tuple[str, ...]
    put: str
    remove: str
    match: str
    """The SQL condition, in which `:asked` is the search in the database's own language."""
    at: str
    """The column with a picture's `at`."""
    both: str
    either: str
    no: str
    begins: str
    """How this database writes "and", "or", "not" and the beginning of a word."""

    @cached_property
    def put_text(self) -> sql.TextClause:
        """The statement that puts a picture's words in, made once."""
        return sql.text(self.put)

    def asked(self, query: Query, scopes: Iterable[str]) -> str:
        """The search in the database's own language."""
        terms = [f"w{word}{self.begins}" for text in query.words for word in split(text)]
        terms += [f"t{spelled(tag)}" for tag in query.tags]
        away = [f"w{word}{self.begins}" for text in query.without for word in split(text)]
        match = self.both.join(
            [f"({self.either.join(scopes)})", *list(dict.fromkeys(terms))[:ASKED]]
        )
        return match + "".join(f"{self.no}{word}" for word in list(dict.fromkeys(away))[:ASKED])


FTS5 = FullText(
    make=(
        "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(told, tokenize='ascii', "
        "detail='none', "
        "columnsize=0, prefix='2 3 4')",
    ),
    put="INSERT INTO words(rowid, told) VALUES (:at, :told)",
    remove="DELETE FROM words WHERE rowid = :at",
    match="words MATCH :asked",
    at="rowid",
    both=" AND ",
    either=" OR ",
    no=" NOT ",
    begins="*",
)
TSVECTOR = FullText(
    make=(
        "CREATE TABLE IF NOT EXISTS words (at BIGINT PRIMARY KEY, told TSVECTOR NOT NULL)",
        "CREATE INDEX IF NOT EXISTS words_found ON words USING gin (told)",
    ),
    put="INSERT INTO words(at, told) VALUES (:at, to_tsvector('simple', :told))",
    remove="DELETE FROM words WHERE at = :at",
    match="words.told @@ to_tsquery('simple', :asked)",
    at="at",
    both=" & ",
    either=" | ",
    no=" & !",
    begins=":*",
)
PLAIN = FullText(
    make=("CREATE TABLE IF NOT EXISTS words (at BIGINT PRIMARY KEY, told TEXT NOT NULL)",),
    put="INSERT INTO words(at, told) VALUES (:at, :told)",
    remove="DELETE FROM words WHERE at = :at",
    match="",
    at="at",
    both=" ",
    either="|",
    no=" -",
    begins="",
)


def kind_of(connection: sql.Connection) -> FullText:
    """The best full-text search that this database offers."""
    if connection.dialect.name == "postgresql":
        return TSVECTOR
    if connection.dialect.name == "sqlite":
        built = connection.exec_driver_sql("PRAGMA compile_options").scalars().all()
        return FTS5 if "ENABLE_FTS5" in built else PLAIN
    return PLAIN


def condition(kind: FullText, query: Query, scopes: list[str]) -> sql.ColumnElement[bool]:
    """The SQL condition for a row of `words` that is joined to its picture."""
    if kind is not PLAIN:
        match = sql.text(kind.match).bindparams(asked=kind.asked(query, scopes))
        return sql.and_(sql.true(), match)
    texts = WORDS.c.told
    tags = [f" t{spelled(tag)} " for tag in query.tags]
    terms = [f" w{word}" for text in query.words for word in split(text)]
    away = [f" w{word}" for text in query.without for word in split(text)]
    whose = sql.or_(*(texts.contains(f" {scope} ") for scope in scopes))
    return sql.and_(
        whose, *map(texts.contains, tags + terms), *(~texts.contains(word) for word in away)
    )


def text_of(prompt: str, tags: Iterable[str], note: str, scopes: Iterable[str]) -> str:
    """All words under which one picture is found."""
    terms = dict.fromkeys(f"w{word}" for text in (prompt, *tags, note) for word in split(text))
    return (
        " " + " ".join([*scopes, *(f"t{spelled(tag)}" for tag in tags), *list(terms)[:MANY]]) + " "
    )


def scopes_of(owner: str, shared: bool) -> list[str]:
    """The words that say to whom a picture belongs."""
    return [EVERY, f"o{spelled(owner)}"] + ["shared"] * shared


def split(text: str) -> Iterator[str]:
    """The words of a text in their ASCII spelling. Each sign, and each letter of a script without
    spaces, is a word of its own."""
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        yield from (spelled(part[:60]) for part in word.split("_") if part)


def spelled(text: str) -> str:
    """A word spelled in ASCII letters and digits. Words with the same beginning have spellings with
    the same beginning."""
    return "".join(
        sign if sign.isascii() and sign.isalnum() else f"z{ord(sign):06x}" for sign in text
    )
