"""Save, find and change pictures: files in a folder, an index in a database beside them."""

import io
import json
import struct
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from sdplay import metadata
from sdplay.errors import LibraryError
from sdplay.library.files import Files
from sdplay.library.kept import Kept
from sdplay.params import Params
from sdplay.picture import Frame, Picture, Receipt, Timing, jpeg_bytes

TABLES = sql.MetaData()
PICTURES = sql.Table(
    "pictures",
    TABLES,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("key", sql.String(32), nullable=False),
    sql.Column("owner", sql.String(64), nullable=False),
    sql.Column("made", sql.Float, nullable=False),
    sql.Column("file", sql.String(64), nullable=False),
    sql.Column("backend", sql.String(64), nullable=False),
    sql.Column("model", sql.String(256), nullable=False),
    sql.Column("prompt", sql.Text, nullable=False),
    sql.Column("scheduler", sql.String(64), nullable=False),
    sql.Column("steps", sql.Integer, nullable=False),
    sql.Column("cfg", sql.Float, nullable=False),
    sql.Column("seed", sql.BigInteger, nullable=False),
    sql.Column("width", sql.Integer, nullable=False),
    sql.Column("height", sql.Integer, nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
    sql.Column("partial", sql.Boolean, nullable=False),
    sql.Column("stars", sql.Integer, nullable=False, default=0),
    sql.Column("tags", sql.Text, nullable=False, default="[]"),
    sql.Column("note", sql.Text, nullable=False, default=""),
    sql.Column("has_frames", sql.Boolean, nullable=False, default=False),
    sql.Column("deleted", sql.Float),
    sql.Index("by_owner", "owner", "made"),
    sql.Index("by_key", "key", "owner"),
    sql.Index("by_time", "backend", "scheduler"),
)
FILTERS = ("backend", "model", "scheduler", "steps", "cfg", "seed", "width", "height", "stars")


class Library:
    """The pictures of one data folder."""

    def __init__(self, home: Path) -> None:
        self.files = Files(home / "pictures")
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(f"The data folder {home} cannot be made: {error.strerror}. "
                               "Choose another with SDPLAY_HOME.") from error  # fmt: skip
        self._engine = sql.create_engine(f"sqlite:///{home / 'library.db'}", connect_args={"timeout": 10})
        sql.event.listen(self._engine, "connect", _set_up)
        with self._index() as index:
            TABLES.create_all(index)

    def close(self) -> None:
        """Give the database back."""
        self._engine.dispose()

    def save(self, picture: Picture, owner: str = "", tags: Sequence[str] = (), key: str = "") -> Kept:
        """Keep a finished picture: the file first, then its line in the index."""
        image = _whole(picture)
        file = self.files.keep("originals", metadata.sign(picture.data, picture), ".png")
        self.files.write("thumbnails", file, ".jpg", jpeg_bytes(image))
        for data in picture.params.images().values():
            self.files.keep("inputs", data, ".bin")
        if picture.frames:
            self.files.write("frames", file, ".bin", _packed(picture.frames))
        kept = Kept(
            uuid.uuid4().hex, key or picture.params.key(picture.backend, picture.model), picture.params,
            picture.backend, picture.model, picture.timing, picture.receipt, datetime.now(UTC), owner, image.width,
            image.height, file, picture.partial, tags=tuple(tags), has_frames=bool(picture.frames),
        )  # fmt: skip
        with self._index() as index:
            index.execute(sql.insert(PICTURES).values(**_row(kept, metadata.record(picture))))
        return kept

    def by_key(self, key: str, owner: str = "") -> Kept | None:
        """A finished picture with this recipe that this owner may see."""
        rows = self._rows(_seen(owner), PICTURES.c.key == key, ~PICTURES.c.partial, limit=1)
        return rows[0] if rows else None

    def get(self, id: str, owner: str = "") -> Kept | None:
        """One picture that this owner may see."""
        rows = self._rows(_seen(owner), PICTURES.c.id == id, limit=1)
        return rows[0] if rows else None

    def recent(self, owner: str = "", limit: int = 24, before: float | None = None) -> list[Kept]:
        """The newest first; `before` goes on where the last page ended."""
        return self._rows(_seen(owner), *([PICTURES.c.made < before] if before else []), limit=limit)

    def search(self, owner: str = "", text: str = "", limit: int = 200, **filters: Any) -> list[Kept]:
        """Pictures whose prompt has every word, and whose settings are as asked."""
        words = [PICTURES.c.prompt.icontains(word, autoescape=True) for word in text.split()]
        exact = [PICTURES.c[name] == value for name, value in filters.items() if name in FILTERS]
        return self._rows(_seen(owner), *words, *exact, limit=limit)

    def data(self, kept: Kept) -> bytes:
        """The original file, settings inside."""
        return self.files.read("originals", kept.file, ".png")

    def thumbnail(self, kept: Kept) -> bytes:
        """A small JPEG."""
        return self.files.read("thumbnails", kept.file, ".jpg")

    def frames(self, kept: Kept) -> tuple[Frame, ...]:
        """What was seen at every step, if it was kept."""
        return _unpacked(self.files.read("frames", kept.file, ".bin")) if kept.has_frames else ()

    def update(self, kept: Kept, **changes: Any) -> None:
        """Change stars, tags or note."""
        values = {name: json.dumps(list(value)) if name == "tags" else value for name, value in changes.items()}
        self._change(kept, **values)

    def delete(self, kept: Kept) -> None:
        """Out of sight; restore() brings it back."""
        self._change(kept, deleted=time.time())

    def restore(self, kept: Kept) -> None:
        """Undo delete()."""
        self._change(kept, deleted=None)

    def timings(self, backend: str, limit: int = 500) -> list[tuple[str, int, int, int, float, float]]:
        """Past runs of a backend, newest first: scheduler, steps, width, height, cfg, seconds."""
        table = PICTURES.c
        asked = sql.select(table.scheduler, table.steps, table.width, table.height, table.cfg, table.seconds)
        asked = asked.where(table.backend == backend, ~table.partial).order_by(table.made.desc()).limit(limit)
        with self._index() as index:
            return [tuple(row) for row in index.execute(asked)]

    def _rows(self, *where: Any, limit: int) -> list[Kept]:
        asked = sql.select(PICTURES).where(PICTURES.c.deleted.is_(None), *where)
        with self._index() as index:
            found = index.execute(asked.order_by(PICTURES.c.made.desc()).limit(limit)).mappings().all()
        return [self._kept(row) for row in found]

    def _kept(self, row: Any) -> Kept:
        told = json.loads(row["record"])
        names = [told["params"].get("init"), told["params"].get("mask"),
                 *(unit.get("image") for unit in told["params"].get("control", ()))]  # fmt: skip
        images = {name: data for name in names if name and (data := self._input(name))}
        return Kept(
            row["id"], row["key"], Params.from_dict(told["params"], images), row["backend"], row["model"],
            Timing(**told["timing"]), Receipt(**{**told["receipt"], "warnings": tuple(told["receipt"]["warnings"])}),
            datetime.fromtimestamp(row["made"], UTC), row["owner"], row["width"], row["height"], row["file"],
            bool(row["partial"]), row["stars"], tuple(json.loads(row["tags"])), row["note"], bool(row["has_frames"]),
        )  # fmt: skip

    def _input(self, name: str) -> bytes:
        place = self.files.place("inputs", name.removeprefix("sha256:"), ".bin")
        return place.read_bytes() if place.exists() else b""

    def _change(self, kept: Kept, **values: Any) -> None:
        with self._index() as index:
            index.execute(sql.update(PICTURES).where(PICTURES.c.id == kept.id).values(**values))

    @contextmanager
    def _index(self) -> Iterator[sql.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).split("\n")[0]
            raise LibraryError(f"The library's database refused: {reason}. The picture files are safe; check the "
                               "folder's space and permissions, then try again.") from error  # fmt: skip


def _set_up(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for line in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


def _seen(owner: str) -> Any:
    """One's own pictures and those without an owner, which are everybody's."""
    return PICTURES.c.owner.in_({owner, ""})


def _whole(picture: Picture) -> Image.Image:
    """The decoded pixels; a picture that is cut off is not kept."""
    try:
        return picture.image()
    except (OSError, ValueError, SyntaxError) as error:
        raise LibraryError("The backend's picture is damaged and was not kept. Generate it again.") from error


def _row(kept: Kept, record: dict[str, Any]) -> dict[str, Any]:
    params = kept.params
    return {
        "id": kept.id, "key": kept.key, "owner": kept.owner, "made": kept.made.timestamp(), "file": kept.file,
        "backend": kept.backend, "model": kept.model, "prompt": params.prompt, "scheduler": params.scheduler,
        "steps": params.steps, "cfg": params.cfg, "seed": params.seed, "width": kept.width, "height": kept.height,
        "seconds": kept.timing.total, "record": json.dumps(record, ensure_ascii=False), "partial": kept.partial,
        "stars": kept.stars, "tags": json.dumps(list(kept.tags)), "note": kept.note, "has_frames": kept.has_frames,
    }  # fmt: skip


def _packed(frames: tuple[Frame, ...]) -> bytes:
    """Frames in one file: a JSON line, then the JPEGs one after the other."""
    head = [[frame.step, frame.sigma, frame.seconds, len(frame.clean), len(frame.noisy)] for frame in frames]
    line = json.dumps(head).encode()
    body = b"".join(frame.clean + frame.noisy for frame in frames)
    return struct.pack(">I", len(line)) + line + body


def _unpacked(data: bytes) -> tuple[Frame, ...]:
    (size,) = struct.unpack(">I", data[:4])
    body = io.BytesIO(data[4 + size :])
    return tuple(Frame(step, sigma, seconds, body.read(clean), body.read(noisy))
                 for step, sigma, seconds, clean, noisy in json.loads(data[4 : 4 + size]))  # fmt: skip
