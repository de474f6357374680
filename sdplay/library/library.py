"""Saves, finds and changes pictures: files in a folder or an object store, with an index in a
database."""

import functools
import hashlib
import io
import json
import struct
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from PIL import Image

from sdplay import metadata
from sdplay.errors import BadParams, LibraryError
from sdplay.files.nested_jpeg import nested, parted
from sdplay.files.recent import Recent
from sdplay.files.whole_file import HALF, sweep_up
from sdplay.library.failures import Failures
from sdplay.library.files import Files, Store
from sdplay.library.query import FACTS, Query, query
from sdplay.library.rebuild import DAMAGED, Reindexed, checked, reindex, remove_unused
from sdplay.library.recipe import Recipe
from sdplay.library.saved import Group, Page, SavedPicture, Timed, Total
from sdplay.library.short_links import ShortLinks
from sdplay.library.sql.database import is_damaged
from sdplay.library.sql.index import Index, Record, parsed
from sdplay.library.sql.tables import PICTURES, kept_of, record_of
from sdplay.params import KNOBS, differing
from sdplay.picture import Frame, Picture, jpeg_bytes
from sdplay.settings import setting
from sdplay.sharing.revived import revived

MOST_SMALL = 32 * 2**20
"""The most bytes of thumbnails held in memory, some six hundred."""
THUMBNAIL_SIDE = 512
"""Pixels of a thumbnail's longer side, as much as a fine screen shows of a tile."""
GLANCE_SIDE = 256
"""The same of the small one inside it, for grids of hundreds."""
MOST_INPUTS = 16 * 2**20
"""The most bytes of start images held in memory, and in one part of a list."""
MOST_REST = 32
"""The most pictures that are read past the end of a page to complete its groups."""
DAY = 86_400 * 10**6
PATIENCE_SECONDS = 10.0
"""How many seconds to wait for a database that other processes use."""


class Library:
    """The pictures of one data folder, or of one database and one object store.

    Every method takes the owner who asks. Owners see their own pictures, those without an owner and
    those that were shared; they can change their own and those without an owner. None as the owner
    is the administrator, who sees all.
    """

    def __init__(
        self, home: Path, database: str = "", store: str = "", patience: float = PATIENCE_SECONDS
    ) -> None:
        self.home = home
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"The data folder {home} cannot be made: {error.strerror}. "
                "Choose another with SDPLAY_HOME."
            ) from error
        self.files = _store(store, home / "pictures")
        self.failures = Failures(self.files)
        self._closed = threading.Event()
        self.damaged: set[str] = set()
        """The pictures that are left out because their record is damaged both in the index and in
        its file."""
        self.index = Index(
            database or f"sqlite:///{home / 'library.db'}", patience, repair=self._repaired
        )
        self._input = Recent(functools.partial(self.files.read, "inputs"), MOST_INPUTS)
        self._small = Recent(self._thumbnail, MOST_SMALL)
        if self.index.is_new:
            self.reindex()

    @classmethod
    def opened(cls, patience: float = PATIENCE_SECONDS) -> Self:
        """Opens the library that the settings name."""
        folder = Path(setting("SDPLAY_HOME")).expanduser()
        return cls(folder, setting("SDPLAY_DATABASE_URL"), setting("SDPLAY_STORE_URL"), patience)

    @classmethod
    def mended(cls, patience: float = PATIENCE_SECONDS) -> Self:
        """Opens the same library after its damaged database was put aside."""
        path = Path(setting("SDPLAY_HOME")).expanduser() / "library.db"
        try:
            ours = not setting("SDPLAY_DATABASE_URL") and path.exists()
            if ours and is_damaged(path, patience):
                _put_aside(path)
        except OSError as error:
            raise LibraryError(
                f"The library's database {path} cannot be opened or moved: {error.strerror}. "
                "Check the folder's permissions, then try again."
            ) from error
        library = cls.opened(patience)
        revived("library-sweep", library._sweep_daily)
        return library

    def answers(self) -> bool:
        """Whether the database and the store can be reached now."""
        try:
            self.index.links.text("")
            self.files.has("links", "none")
        except LibraryError:
            return False
        return True

    def close(self) -> None:
        """Closes the connections to the database."""
        self._closed.set()
        self.index.close()

    def _sweep_daily(self) -> None:
        """Removes the half-written files of killed processes, now and then once a day."""
        while True:
            with suppress(OSError, LibraryError):  # a folder that is away is looked at tomorrow
                self.files.sweep()
                sweep_up(self.home.glob(HALF))
            if self._closed.wait(DAY / 10**6):
                return

    def save(
        self, picture: Picture, owner: str = "", tags: Sequence[str] = (), key: str = ""
    ) -> SavedPicture:
        """Stores a finished picture: first its files, then its line in the index. Once this
        returns, the picture is safe."""
        return self._add(_signed(picture), owner, tags, key)

    def _add(
        self, signed: "_Signed", owner: str, tags: Sequence[str], key: str = ""
    ) -> SavedPicture:
        picture, image = signed.picture, signed.image
        facts = {"key": _recipe(key)} if key else {}
        record = record_of(
            picture,
            signed.fields,
            owner=owner,
            shared=not owner,
            file=signed.file,
            tags=_tags(tags),
            width=image.width,
            height=image.height,
            **facts,
        )
        extra = {"frames": _packed(picture.frames)} if picture.frames else {}
        inputs = picture.params.images().values()
        return self.put(
            record,
            {"originals": signed.data, "thumbnails": _small_jpegs(image), **extra},
            inputs,
        )

    def put(
        self, record: Record, files: Mapping[str, bytes], inputs: Iterable[bytes] = ()
    ) -> SavedPicture:
        """Writes a picture's record, then its files, and then indexes it.

        The record comes first, so that every picture has an owner even if this is interrupted.
        """
        self._record(record)
        for image_input in inputs:
            self._input.remember(self.files.keep("inputs", image_input), image_input)
        for kind, data in files.items():
            self.files.write(kind, record["file"], data)
        row = self.index.add(record)
        # Somebody may have emptied the bin of the same picture in between.
        self.files.write("originals", record["file"], files["originals"])
        return self._kept(row, record["owner"])

    def take(self, data: bytes, owner: str = "", tags: Sequence[str] = ()) -> SavedPicture:
        """Stores a picture that was made elsewhere, with the settings found in it. The same file is
        stored only once."""
        image = metadata.decoded(data, metadata.VISITOR_PIXELS)
        picture = metadata.adopted(data)
        fields = metadata.record(picture)
        signed = _Signed(picture, fields, metadata.sign(data, picture, fields), image)
        saved = self._one(
            PICTURES.c.file == signed.file, PICTURES.c.owner == owner, owner=owner, shared=False
        )
        return saved or self._add(signed, owner, tags)

    def by_key(self, key: str, owner: str = "") -> SavedPicture | None:
        """The finished picture with this recipe key that belongs to this owner or to nobody."""
        return self._one(
            PICTURES.c.key == _recipe(key), ~PICTURES.c.partial, owner=owner, shared=False
        )

    def made(self, recipe: Recipe, owner: str = "") -> SavedPicture | None:
        """The finished picture of this recipe that belongs to this owner or to nobody, also if it
        was saved under an older key."""
        if not self.index.keys([recipe.key, recipe.first_key], owner):
            return None  # as nearly always: one short question instead of two long ones
        return self.by_key(recipe.key, owner) or self._rekeyed(recipe, owner)

    def made_of(self, recipes: Sequence[Recipe], owner: str = "") -> set[str]:
        """The keys of those recipes for which made() would find a picture, with a single query."""
        keys = self.index.keys([recipe.key for recipe in recipes], owner)
        older = {recipe.first_key: recipe for recipe in recipes if recipe.key not in keys}
        rekeyed = [self._rekeyed(older[key], owner) for key in self.index.keys(list(older), owner)]
        return keys | {saved.key for saved in rekeyed if saved}

    def get(self, id: str, owner: str | None = "") -> SavedPicture | None:
        """One picture that this owner may see. Their own is returned even from the bin
        (`SavedPicture.deleted`)."""
        return self._one(PICTURES.c.id == id, owner=owner, shared=True, binned=True)

    def recent(
        self, owner: str = "", limit: int = 24, after: int | None = None
    ) -> list[SavedPicture]:
        """The newest pictures first, older than `after` if that is given."""
        return list(self.page(Query(), owner, after, limit).pictures)

    def search(
        self, owner: str = "", text: str = "", limit: int = 200, **filters: Any
    ) -> list[SavedPicture]:
        """The pictures whose prompt, tags or note contain every word, and whose settings match."""
        settings = {
            name: value for name, value in filters.items() if name in KNOBS or name in FACTS
        }
        return list(
            self.page(
                Query(words=tuple(text.split()), settings=settings), owner, None, limit
            ).pictures
        )

    def page(
        self,
        selection: Query | str = "",
        owner: str | None = "",
        after: int | None = None,
        limit: int = 48,
    ) -> Page:
        """One part of a query's pictures, newest first; `after` is the `Page.next` of the part
        before.

        It is shorter than `limit` where large start images would take too much memory.
        """
        selection = query(selection) if isinstance(selection, str) else selection
        lines = self.index.page(selection, owner, after, limit + 1)
        pictures, whole = self._stretch(lines[:limit], owner)
        goes_on = pictures and (len(lines) > limit or not whole)
        return Page(tuple(pictures), pictures[-1].at if goes_on else None)

    def _stretch(
        self, lines: Sequence[tuple[Record, int]], owner: str | None
    ) -> tuple[list[SavedPicture], bool]:
        """The pictures of these lines, and whether none of them was cut off for the sake of
        memory."""
        pictures: list[SavedPicture] = []
        inputs: dict[int, int] = {}
        for line in lines:
            if sum(inputs.values()) > MOST_INPUTS:
                return pictures, False
            if picture := self._readable(line, owner):
                pictures.append(picture)
                inputs |= {id(data): len(data) for data in picture.params.images().values()}
        return pictures, True

    def total(self, selection: Query | str = "", owner: str | None = "") -> Total:
        """The number of pictures that a query finds, and the seconds they took."""
        return self.index.total(
            query(selection) if isinstance(selection, str) else selection, owner
        )

    def groups(self, pictures: Iterable[SavedPicture], owner: str | None = "") -> list[Group]:
        """The pictures by prompt and time, newest group first, with each whole group's total."""
        together: dict[int, list[SavedPicture]] = {}
        for picture in pictures:
            together.setdefault(picture.group, []).append(picture)
        totals = self.index.groups(
            together, owner, any(each.deleted for own in together.values() for each in own)
        )
        return [
            Group(id, tuple(own), *totals.get(id, (Total(len(own), 0.0),)))
            for id, own in together.items()
        ]

    def matches(self, selection: Query, groups: Iterable[int], owner: str | None) -> dict[int, int]:
        """How many pictures of each of these groups a query finds."""
        numbers = tuple(groups)
        return self.index.matches(replace(selection, groups=numbers), owner) if numbers else {}

    def rest(
        self, selection: Query, owner: str | None, after: int, missing: Mapping[int, int]
    ) -> tuple[SavedPicture, ...]:
        """The pictures that a query finds of these groups after a page's end, so that the groups
        are whole there. `missing` is how many each has; large rests are left to the pages."""
        room, groups = MOST_REST, []
        for group, count in sorted(missing.items(), key=itemgetter(1)):
            if 0 < count <= room:
                groups.append(group)
                room -= count
        if not groups:
            return ()
        narrowed = replace(selection, groups=tuple(groups))
        return self.page(narrowed, owner, after, MOST_REST).pictures

    def near(
        self, picture: SavedPicture, owner: str | None = "", limit: int = 100
    ) -> list[tuple[str, SavedPicture]]:
        """The pictures that differ from this one in exactly one thing, each with that thing: a
        setting, "backend" or "version"."""
        others = self.page(Query(near=picture.id, scope="all"), owner, None, limit).pictures
        return [(_difference(picture, neighbour), neighbour) for neighbour in others]

    def source(self, picture: SavedPicture, owner: str | None = "") -> SavedPicture | None:
        """The picture that this one was enlarged from, cut out of, or has as its start image."""
        start = str(picture.params.as_dict()["init"]).removeprefix("sha256:")
        file = picture.made_from or start
        return self._one(PICTURES.c.file == file, owner=owner, shared=True) if file else None

    def started_from(
        self, picture: SavedPicture, owner: str | None = "", limit: int = 100
    ) -> tuple[SavedPicture, ...]:
        """Pictures that have this one as their start image, the newest first."""
        query = Query(settings={"init": f"sha256:{picture.file}"}, scope="all")
        return self.page(query, owner, None, limit).pictures

    def values(self, name: str, owner: str | None = "") -> list[Any]:
        """The values that a setting had in recent pictures, most frequent first, for menus."""
        return self.index.values(name, owner)

    def damaged_of(self, owner: str) -> int:
        """How many pictures of this owner are left out because their record is damaged."""
        return self.index.owned(self.damaged, owner) if self.damaged else 0

    def data(self, picture: SavedPicture) -> bytes:
        """The bytes of the original file, with the settings inside."""
        return self.files.read("originals", picture.file)

    def thumbnail(self, picture: SavedPicture) -> bytes:
        """The thumbnail as a small JPEG."""
        return _bare(self._small(picture.file))

    def thumbnails(self, pictures: Sequence[SavedPicture]) -> list[bytes]:
        """The thumbnails of a page, read at the same time; empty bytes where the file is gone."""
        return [_bare(jpeg) for jpeg in self._read_small([saved.file for saved in pictures])]

    def thumbnails_of(
        self, ids: Sequence[str], owner: str | None = "", glances: bool = False
    ) -> dict[str, bytes]:
        """The thumbnails of those of these pictures that this owner may see, by id; or `glances`,
        half as large. It takes a single query."""
        files = self.index.files_of(ids, owner)
        jpegs = self._read_small(list(files.values()))
        part = _glance if glances else _bare
        return {id: part(jpeg) for id, jpeg in zip(files, jpegs, strict=True) if jpeg}

    def _read_small(self, files: Sequence[str]) -> list[bytes]:
        """The thumbnails as they are stored, those that are not in memory read at the same time."""
        held = self._small.held(files)
        missing = [file for file in dict.fromkeys(files) if file not in held]
        fetched = self.files.many("thumbnails", missing)
        for file, jpeg in fetched.items():
            self._small.remember(file, jpeg)
        jpegs = {**held, **fetched}
        return [jpegs.get(file) or self._drawn_again(file) for file in files]

    def _drawn_again(self, file: str) -> bytes:
        """The thumbnail of a picture that has lost it; empty if the picture is lost too."""
        try:
            return self._small(file)
        except LibraryError:
            return b""

    def frames(self, picture: SavedPicture) -> tuple[Frame, ...]:
        """The frames of every step, if they were stored."""
        return _unpacked(self.files.read("frames", picture.file)) if picture.has_frames else ()

    def update(self, picture: SavedPicture, owner: str | None = "", **changes: Any) -> SavedPicture:
        """Changes stars (0 to 5), tags or note, and returns the picture with them."""
        if unknown := set(changes) - {"stars", "tags", "note"}:
            raise BadParams(f"A kept picture has no {sorted(unknown)[0]} to change.")
        if not 0 <= (stars := changes.get("stars", 0)) <= 5:
            raise BadParams(f"Stars must be between 0 and 5, not {stars}.")
        changes |= {"tags": _tags(changes["tags"])} if "tags" in changes else {}
        return self._change(picture, owner, **changes)

    def share(
        self, picture: SavedPicture, owner: str | None = "", shared: bool = True
    ) -> SavedPicture:
        """Shows a picture to everybody, or again only to its owner."""
        return self._change(picture, owner, shared=shared)

    def delete(self, picture: SavedPicture, owner: str | None = "") -> SavedPicture:
        """Moves pictures to the bin. restore() takes them out again until purge() empties it."""
        return self._change(picture, owner, deleted=time.time_ns() // 1000)

    def restore(self, picture: SavedPicture, owner: str | None = "") -> SavedPicture:
        """Takes pictures out of the bin."""
        return self._change(picture, owner, deleted=0)

    def purge(self, owner: str | None = "", days: float = 0) -> int:
        """Removes for good what has been in the bin for so many days, and returns how many pictures
        that were."""
        before, after, gone = time.time_ns() // 1000 - int(days * DAY), None, 0
        while rows := self.index.page(Query(deleted=True), owner, after, 200):
            after = rows[-1][0]["made"]
            for record, _ in rows:
                if record["deleted"] <= before:
                    remove_unused(self.index, self.files, record)
                    gone += 1
        return gone

    def timings(self, backend: str, limit: int = 500) -> list[Timed]:
        """The times of a backend's earlier pictures, newest first."""
        return self.index.timings(backend, limit)

    def shorten(self, text: str, owner: str | None = "") -> str:
        """Returns a short id for a long link. The same link always has the same id."""
        return ShortLinks(self.index.links, self.files).shorten(text, owner)

    def expanded(self, id: str) -> str | None:
        """The long link of a short id, or None if there is none."""
        return ShortLinks(self.index.links, self.files).expanded(id)

    def reindex(self, adopt: str | None = None) -> Reindexed:
        """Builds the index anew from the files. The owner `adopt` gets the pictures whose record is
        lost."""
        return reindex(self.index, self.files, adopt)

    def _rekeyed(self, recipe: Recipe, owner: str) -> SavedPicture | None:
        """The picture under its first key, after it got today's key, if its recipe really is the
        same."""
        old = self.by_key(recipe.first_key, owner)
        if old is None or old.params != recipe.params:
            return None
        return self._change(old, owner, key=recipe.key)

    def _change(self, picture: SavedPicture, owner: str | None, **values: Any) -> SavedPicture:
        record = self.index.change(picture.id, owner, self._record, **values)
        if record is None:
            raise LibraryError(
                "This picture belongs to somebody else or is gone: it was left as it is."
            )
        return self._kept((record, picture.group), owner)

    def _kept(self, row: tuple[Record, int], viewer: str | None) -> SavedPicture:
        return kept_of(row[0], viewer, row[1], self._image)

    def _one(self, *where: Any, owner: str | None, **scope: bool) -> SavedPicture | None:
        line = self.index.one(*where, owner=owner, **scope)
        return self._readable(line, owner) if line else None

    def _readable(self, line: tuple[Record, int], viewer: str | None) -> SavedPicture | None:
        """The picture of an index line, or of its record file if the line is damaged; None if both
        are."""
        try:
            return self._kept(line, viewer)
        except DAMAGED:
            record = self._repaired(str(line[0].get("id", "")))
            return self._kept((record, line[1]), viewer) if record else None

    def _repaired(self, id: str) -> Record | None:
        """The record from its file; None, and the picture counts as damaged, if that cannot be read
        either."""
        try:
            return checked(parsed(self.files.read("records", id)))
        except LibraryError:
            self.damaged.add(id)
            return None

    def _record(self, record: Record) -> None:
        self.files.write("records", record["id"], json.dumps(record).encode(), again=True)

    def _image(self, name: str) -> bytes:
        """The bytes of a start image. They are empty if it is lost, so that its picture can still
        be shown."""
        try:
            return self._input(name.removeprefix("sha256:"))
        except LibraryError:
            return b""

    def _thumbnail(self, file: str) -> bytes:
        if self.files.has("thumbnails", file):
            return self.files.read("thumbnails", file)
        original = metadata.decoded(self.files.read("originals", file))
        small = _small_jpegs(original)
        self.files.write("thumbnails", file, small)
        return small


def _small_jpegs(image: Image.Image) -> bytes:
    """The thumbnail of a picture, with the smaller one inside if that is smaller."""
    thumbnail = jpeg_bytes(image, THUMBNAIL_SIDE)
    if max(image.size) <= GLANCE_SIDE:
        return thumbnail
    return nested(thumbnail, jpeg_bytes(image, GLANCE_SIDE))


def _bare(jpeg: bytes) -> bytes:
    """A thumbnail without the small one inside."""
    return parted(jpeg)[0]


def _glance(jpeg: bytes) -> bytes:
    """The small one inside a thumbnail. An older thumbnail has none, and is made smaller."""
    large, small = parted(jpeg)
    if small:
        return small
    with Image.open(io.BytesIO(large)) as image:
        if max(image.size) <= GLANCE_SIDE:
            return large
        image.draft("RGB", (GLANCE_SIDE, GLANCE_SIDE))  # read at half the size, in half the time
        return jpeg_bytes(image, GLANCE_SIDE)


def _put_aside(path: Path) -> None:
    """Renames a damaged database and its side files, so that a new one is made from the picture
    files."""
    for end in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.replace(beside.with_name(f"{beside.name}.damaged-{time.time_ns()}"))


def _store(address: str, folder: Path) -> Store:
    address = address.removeprefix("file://")
    if "://" not in address:
        return Files(Path(address) if address else folder)
    # Only who asks for an object store pays for loading its packages.
    from sdplay.library.bucket import Bucket

    return Bucket(address)


@dataclass(frozen=True, eq=False)
class _Signed:
    """A picture as it is stored."""

    picture: Picture
    fields: Mapping[str, Any]
    """Its record, which stands inside the file too."""
    data: bytes
    image: Image.Image

    @cached_property
    def file(self) -> str:
        """The name of the file."""
        return hashlib.sha256(self.data).hexdigest()


def _signed(picture: Picture) -> _Signed:
    """The picture ready to be stored. One that is cut off raises an error."""
    try:
        fields = metadata.record(picture)
        data = metadata.sign(picture.data, picture, fields)
        return _Signed(picture, fields, data, metadata.decoded(data))
    except LibraryError as error:
        raise LibraryError(
            "The backend's picture is damaged and was not kept. Generate it again."
        ) from error


def _recipe(key: str) -> str:
    """Shortens a recipe key to the length of its column in the index."""
    return key if len(key) <= 32 else hashlib.sha256(key.encode()).hexdigest()[:32]


def _difference(left: SavedPicture, right: SavedPicture) -> str:
    """The first setting, or other fact, in which two pictures differ."""
    ran = "version" if left.backend == right.backend else "backend"
    return next(iter(differing(left.params, right.params)), ran)


def _tags(tags: Iterable[str]) -> list[str]:
    """The tags without repeats and outer spaces, each cut to a sensible length."""
    return list(dict.fromkeys(tag.strip()[:60] for tag in tags if tag.strip()))[:50]


def _packed(frames: tuple[Frame, ...]) -> bytes:
    """All frames of a picture as one file: a line of JSON, then the JPEGs one after the other."""
    head = [
        [frame.step, frame.sigma, frame.seconds, len(frame.clean), len(frame.noisy)]
        for frame in frames
    ]
    line = json.dumps(head).encode()
    body = b"".join(frame.clean + frame.noisy for frame in frames)
    return struct.pack(">I", len(line)) + line + body


def _unpacked(data: bytes) -> tuple[Frame, ...]:
    (size,) = struct.unpack(">I", data[:4])
    body = io.BytesIO(data[4 + size :])
    return tuple(
        Frame(step, sigma, seconds, body.read(clean), body.read(noisy))
        for step, sigma, seconds, clean, noisy in json.loads(data[4 : 4 + size])
    )
