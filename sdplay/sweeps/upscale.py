"""Enlarge a tree of pictures with a backend's upscaler: each once, on one machine or several, with
a row for each."""

import hashlib
import io
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from sdplay import metadata
from sdplay.backends import Backend
from sdplay.compare.results import LOAD_COLUMNS
from sdplay.errors import BackendError, BadParams, LibraryError
from sdplay.files.picture_file import PictureFile
from sdplay.files.whole_file import put_aside, write_whole
from sdplay.metadata import png
from sdplay.picture import png_bytes
from sdplay.sweeps.claims import Claims
from sdplay.sweeps.folder import HIDDEN
from sdplay.sweeps.ledger import Ledger
from sdplay.sweeps.machine.meter import Meter

COLUMNS = (
    "when",
    "source",
    "state",
    "file",
    "backend",
    "upscaler",
    "factor",
    "width",
    "height",
    "seconds",
    *LOAD_COLUMNS,
    "error",
    "host",
)
WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Enlarging:
    """The backend, the factor and the upscaler to enlarge with."""

    backend: Backend
    factor: float
    upscaler: str = ""


@dataclass(frozen=True)
class Enlarged:
    """What became of one picture: made, reused or failed."""

    name: str
    state: str
    error: str = ""
    seconds: float = 0.0


class Upscale:
    """A tree enlarged into a folder.  Running again, or elsewhere beside it, makes only what is
    missing."""

    def __init__(
        self, pictures: Mapping[str, PictureFile], how: Enlarging, out: Path, meter: Meter
    ) -> None:
        if "upscale" not in how.backend.probe().features:
            raise BadParams(
                f"{how.backend.label} cannot enlarge pictures. Choose another backend for that."
            )
        self.pictures, self.how, self.out, self.meter = pictures, how, out, meter
        self.claims = Claims(out / HIDDEN)
        self.rows = Ledger(out / HIDDEN / "cells", out / "results.csv", COLUMNS)

    def run(self) -> Iterator[Enlarged]:
        """Yield every picture as it ends; those that another machine has come last."""
        plan = f"{self.how.backend.name} {self.how.upscaler} {self.how.factor}"
        self.claims.join(plan)
        try:
            waiting = deque(places(self.pictures).items())
            busy = 0
            while waiting:
                name, path = waiting.popleft()
                ended = self._one(name, path)
                if ended:
                    busy = 0
                    yield ended
                    continue
                waiting.append((name, path))
                busy += 1
                if busy >= len(waiting):
                    time.sleep(WAIT_SECONDS)
        finally:
            self.claims.leave()
            self.rows.merge()

    def _one(self, name: str, path: PurePosixPath) -> Enlarged | None:
        """Enlarge one picture; None where another machine is doing it."""
        record_name = self._record_name(name, path)
        if self._there(record_name, path):
            return Enlarged(name, "reused")
        if not self.claims.take(str(path)):
            return None
        try:
            if self._there(record_name, path):
                return Enlarged(name, "reused")
            return self._enlarged(name, path, record_name)
        finally:
            self.claims.give_back(str(path))

    def _there(self, record_name: str, path: PurePosixPath) -> bool:
        record, file = self.rows.get(record_name), self.out / path
        return record is not None and file.is_file() and file.stat().st_size == record["size"]

    def _enlarged(self, name: str, path: PurePosixPath, record_name: str) -> Enlarged:
        started = time.monotonic()
        facts: dict[str, Any] = {}
        try:
            data = self.pictures[name].read()
            large = self._large(data)
            facts = {"width": large.width, "height": large.height, "file": str(path)}
        except (BackendError, BadParams) as error:
            ended = Enlarged(name, "failed", str(error), time.monotonic() - started)
            record_name = f"{record_name}-{self.claims.id}"
        else:
            ended = Enlarged(name, "made", "", time.monotonic() - started)
            facts["size"] = self._write(path, self._signed(large, data))
        self._record(record_name, ended, facts)
        return ended

    def _large(self, data: bytes) -> Image.Image:
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
        return self.how.backend.upscale(image, self.how.factor, self.how.upscaler)

    def _signed(self, large: Image.Image, source: bytes) -> bytes:
        """With the source's settings, and what was done to it in the words of A1111's extras."""
        try:
            text = metadata.read(source).text
        except LibraryError:
            text = ""
        done = f"Postprocess upscale by: {self.how.factor:g}"
        if self.how.upscaler:
            done += f", Postprocess upscaler: {self.how.upscaler}"
        texts = {"parameters": ", ".join(filter(None, (text, done)))}
        return png.with_texts(png_bytes(large), texts)

    def _write(self, path: PurePosixPath, data: bytes) -> int:
        file = self.out / path
        try:
            if file.exists():  # of another factor, another source, or a stranger's
                put_aside(file, file.read_bytes())
            write_whole(file, data)
        except OSError as error:
            raise LibraryError(
                f"{file} could not be written: {error.strerror}. Choose another folder with --out."
            ) from error
        return len(data)

    def _record(self, record_name: str, ended: Enlarged, facts: Mapping[str, Any]) -> None:
        row = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": ended.name,
            "state": ended.state,
            "backend": self.how.backend.name,
            "upscaler": self.how.upscaler,
            "factor": self.how.factor,
            "seconds": round(ended.seconds, 3),
            "error": ended.error,
            "host": socket.gethostname(),
            **{name: facts.get(name) for name in ("file", "width", "height")},
            **self.meter.reading().as_dict(),
        }
        self.rows.put(record_name, {"row": row, "size": facts.get("size", 0)})
        self.rows.merge_now_and_then()

    def _record_name(self, name: str, path: PurePosixPath) -> str:
        how = self.how
        recipe = [str(path), self.pictures[name].name, how.backend.name, how.upscaler]
        text = "\n".join([*recipe, f"{how.factor:g}"])
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def places(pictures: Iterable[str]) -> dict[str, PurePosixPath]:
    """Where each goes: the same path as PNG; a.jpg beside a.png keeps its ending in the name."""
    paths = [PurePosixPath(name).with_suffix(".png") for name in pictures]
    count = Counter(paths)
    return {
        name: path if count[path] == 1 else PurePosixPath(f"{name}.png")
        for name, path in zip(pictures, paths, strict=True)
    }
