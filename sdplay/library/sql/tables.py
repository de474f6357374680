"""The tables, with a column for each setting, and the conversions between a row, a record file and
a SavedPicture."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sql

from sdplay import work
from sdplay.errors import BadParams
from sdplay.knob import Knob
from sdplay.library.query import Between
from sdplay.library.saved import SOMEONE, SavedPicture, moment
from sdplay.params import KNOBS, Params, as_meant
from sdplay.picture import Picture, Receipt, Timing

TABLES = sql.MetaData()
MAX_NAME = 300
_BIG = sql.BigInteger().with_variant(sql.Integer(), "sqlite")
"""The key's type. SQLite orders a table only by a key of type INTEGER."""
LEFT_OUT = -1
_MARK = sql.BigInteger()
_KINDS: dict[type, Any] = {
    int: sql.BigInteger(),
    float: sql.Float(53),
    str: sql.Text(),
    bool: sql.Boolean(),
}
_LONG = ("prompt", "negative", "extra")
"""Texts that are compared by their mark, so that rows stay short."""


def _column(knob: Knob) -> sql.Column[Any]:
    kind = _MARK if is_marked(knob.name) else _KINDS[knob.kind]
    return sql.Column(knob.name, kind, nullable=False)


def is_marked(name: str) -> bool:
    """Whether a setting's column holds a mark of its value instead of the value itself."""
    return name in _LONG or not KNOBS[name].is_plain


PICTURES = sql.Table(
    "pictures",
    TABLES,
    sql.Column("at", _BIG, primary_key=True, autoincrement=False),
    sql.Column("id", sql.String(32), nullable=False, unique=True),
    sql.Column("key", sql.String(32), nullable=False, index=True),
    sql.Column("owner", sql.String(64), nullable=False),
    sql.Column("shared", sql.Boolean, nullable=False),
    sql.Column("deleted", sql.Boolean, nullable=False),
    sql.Column("group", sql.BigInteger, nullable=False, index=True),
    sql.Column("file", sql.String(64), nullable=False, index=True),
    sql.Column("backend", sql.String(64), nullable=False),
    sql.Column("version", sql.Text, nullable=False),
    sql.Column("seconds", sql.Float(53), nullable=False),
    sql.Column("work", sql.Float(53), nullable=False),
    sql.Column("at_once", sql.Float(53)),
    sql.Column("partial", sql.Boolean, nullable=False),
    sql.Column("stars", sql.Integer, nullable=False),
    *(_column(knob) for knob in KNOBS.values()),
)
RECORDS = sql.Table(
    "records",
    TABLES,
    sql.Column("at", _BIG, primary_key=True, autoincrement=False),
    sql.Column("record", sql.Text, nullable=False),
)
LINKS = sql.Table(
    "links",
    TABLES,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("query", sql.Text, nullable=False),
)
LINK_USES = sql.Table(
    "link_uses",
    TABLES,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("owner", sql.String(64), nullable=False, index=True),
    sql.Column("at", sql.BigInteger, nullable=False),
    sql.Column("size", sql.BigInteger, nullable=False),
    sql.Column("opened", sql.Boolean, nullable=False),
)
FACTS = sql.Table(
    "facts",
    TABLES,
    sql.Column("name", sql.String(32), primary_key=True),
    sql.Column("value", sql.Text),
)
_C = PICTURES.c
sql.Index("kept_by_owner", _C.owner, _C.deleted, _C.at)
sql.Index("kept_by_shared", _C.shared, _C.deleted, _C.at)
sql.Index("kept_by_backend", _C.backend, _C.at)
sql.Index("kept_by_prompt", _C.prompt, _C.owner, _C.at)
sql.Index("kept_by_seed", _C.seed, _C.owner)
for _name in ("scheduler", "steps", "cfg", "stars"):
    sql.Index(f"kept_by_{_name}", _C.owner, _C[_name], _C.at)


def form() -> str:
    """A version of the table's form, which changes with the columns. An index of another form is
    built anew."""
    return f"4 {','.join(column.name for column in _C)}"


def mark(value: Any) -> int:
    """A number that is the same for equal values and practically never the same for different
    ones."""
    text = json.dumps(value, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def row(record: Mapping[str, Any], group: int) -> dict[str, Any]:
    """The index line of a record."""
    told = record["record"]
    settings = meant(told)
    params = {name: settings.get(name, _default(knob)) for name, knob in KNOBS.items()}
    timing = Timing.from_dict(told["timing"])
    own_params = _params(told["params"], lambda name: name.encode())
    fields = {name: record[name] for name in ("id", "key", "owner", "shared", "file", "stars")}
    return {
        **{
            name: mark(value) if is_marked(name) else _stored(value)
            for name, value in params.items()
        },
        **fields,
        "deleted": bool(record["deleted"]),
        "at": record["made"],
        "group": group,
        "backend": told["backend"][:64],
        "version": _stored(told["model"]),
        "seconds": timing.work,
        # None where a server's script may have done anything: it says nothing about speed.
        "work": work.of(own_params) if work.is_counted(own_params) else 0.0,
        "at_once": timing.at_once,
        "partial": told["partial"],
    }


def record_of(picture: Picture, fields: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """All facts about a picture, in the form of its record file."""
    return {
        "id": uuid.uuid4().hex,
        "key": picture.params.key(picture.backend, picture.model),
        "owner": "",
        "made": time.time_ns() // 1000,
        "shared": False,
        "deleted": 0,
        "stars": 0,
        "tags": [],
        "note": "",
        "frames": bool(picture.frames),
        **facts,
        "record": dict(fields),
    }


def kept_of(
    record: Mapping[str, Any], viewer: str | None, group: int, image: Callable[[str], bytes]
) -> SavedPicture:
    """A record as `viewer` may see it; None as the viewer sees all. `image` returns the bytes of a
    start image by its name."""
    fields = record["record"]
    owner = record["owner"] if viewer is None or record["owner"] in (viewer, "") else SOMEONE
    receipt = {**fields["receipt"], "warnings": tuple(fields["receipt"]["warnings"])}
    return SavedPicture(
        record["id"],
        record["key"],
        _params(meant(fields), image),
        fields["backend"],
        fields["model"],
        Timing.from_dict(fields["timing"]),
        Receipt(**receipt),
        moment(record["made"]),
        owner,
        record["width"],
        record["height"],
        record["file"],
        fields["partial"],
        record["stars"],
        tuple(record["tags"]),
        record["note"],
        record["frames"],
        record["shared"],
        bool(record["deleted"]),
        record["made"],
        group,
    )


def meant(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a record as they once worked: clip skip 1 used not to be sent, and an A1111
    server then used its own value."""
    params = fields["params"]
    unsent = fields["backend"].startswith("a1111") and "tiling" not in params
    if unsent and params.get("clip_skip") == 1 != fields["receipt"]["applied"].get("clip_skip", 1):
        params = {**params, "clip_skip": None}
    return as_meant(params)


def images_in(params: Mapping[str, Any]) -> list[str]:
    """The names of the pictures that settings refer to."""
    units = params.get("control") or ()
    names = [params.get("init"), params.get("mask"), *(unit.get("image") for unit in units)]
    return [name for name in names if name]


def meets(name: str, sought: Any) -> Any:
    """The condition that a setting has this value, one of these values, or one in this range."""
    column = _C[name]
    if isinstance(sought, Between):
        low = [] if sought.low is None else [column >= sought.low]
        high = [] if sought.high is None else [column <= sought.high]
        return sql.and_(sql.true(), *low, *high)
    values = list(sought) if isinstance(sought, (tuple, set)) else [sought]
    marked = name in KNOBS and is_marked(name)
    values = [mark(value) if marked else _stored(value) for value in values]
    condition = column.in_(values) if len(values) != 1 else column == values[0]
    return sql.or_(condition, _C.version.in_(values)) if name == "model" else condition


def _params(fields: Mapping[str, Any], image: Callable[[str], bytes]) -> Params:
    """The settings of a record. A setting that is no longer valid is left out, so that its picture
    remains."""
    images = {name: data for name in images_in(fields) if (data := image(name))}
    try:
        return Params.from_dict(fields, images)
    except BadParams:
        return Params.from_dict(
            {name: value for name, value in fields.items() if _fits(name, value)}, images
        )


def _fits(name: str, value: Any) -> bool:
    try:
        Params.from_dict({name: value})
    except BadParams:
        return False
    return True


def _default(knob: Knob) -> Any:
    """A setting's default in the form of a record."""
    empty: dict[type, Any] = {bytes: "", tuple: []}
    return empty.get(knob.kind, knob.default)


def _stored(value: Any) -> Any:
    """A value that every database accepts: text without zero bytes or half surrogate pairs, short
    enough to be ordered by. What is left to the backend becomes a number below all others."""
    if value is None:
        return LEFT_OUT
    if not isinstance(value, str):
        return value
    return value[:MAX_NAME].replace("\0", "").encode("utf-8", "replace").decode()
