"""Pictures from any folder, sorted by a setting and labelled by what differs, on one sheet or one
after the other."""

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from PIL import Image, ImageDraw, ImageOps
from PIL.PngImagePlugin import PngInfo

from sdplay import metadata
from sdplay.compare.exports import sheet
from sdplay.compare.guard import value_text
from sdplay.errors import BadParams, LibraryError
from sdplay.files.picture_file import PictureFile
from sdplay.params import KNOBS

NAME = "name"
MOST_FRAMES = 1000
MOST_LABELS = 3
"""More settings than that say less than the file's name."""
MARK = "sdplay-sheet"
"""The name of a text inside a sheet, by which it is known for one."""
GAP, CAPTION = 8, 34


@dataclass(frozen=True)
class Shot:
    """A picture of a folder and the settings that it carries, if any."""

    name: str
    file: PictureFile
    settings: Mapping[str, Any] = field(default_factory=dict)

    def image(self, longest: int) -> Image.Image:
        """Its pixels, no larger than this."""
        with Image.open(io.BytesIO(self.file.read())) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        return upright


def shots(pictures: Mapping[str, PictureFile]) -> list[Shot]:
    """The pictures among these files with their settings; sheets and animations that were made here
    are left out."""
    return [shot for name, file in pictures.items() if (shot := _shot(name, file))]


def differing(among: Sequence[Shot]) -> list[str]:
    """The settings in which those that carry any differ, in the form's order."""
    carrying = [shot.settings for shot in among if shot.settings]
    return [
        name
        for name in KNOBS
        if any(settings.get(name) != carrying[0].get(name) for settings in carrying)
    ]


def in_order(among: Sequence[Shot], by: str = "") -> tuple[list[Shot], str]:
    """The pictures sorted by a setting or by name, and by which; unless one is asked for, the one
    number that differs, if there is one."""
    by = by or _only_number(among)
    if by != NAME and by not in KNOBS:
        raise BadParams(f"Pictures have no {by!r} to go by. Choose name, or: {', '.join(KNOBS)}.")
    if by != NAME and not any(by in shot.settings for shot in among):
        raise BadParams(
            f"None of these pictures carries the setting {KNOBS[by].label}. Take --by name."
        )
    return sorted(among, key=lambda shot: _sort_key(shot, by)), by


def label(shot: Shot, names: Sequence[str]) -> str:
    """What tells this picture from the others: these settings, or else the name of its file."""
    sentences = [
        f"{KNOBS[name].label} {value_text(name, shot.settings[name])}"
        for name in names
        if name in shot.settings
    ]
    return " · ".join(sentences) or PurePosixPath(shot.name).stem


def labels_of(among: Sequence[Shot], by: str) -> list[str]:
    """The settings that make a good label; none when too many differ, or when no picture tells its
    settings."""
    names = differing(among)
    if by in names:
        names = [by, *(name for name in names if name != by)]
    return names if len(names) <= MOST_LABELS else [by] if by in KNOBS else []


def contact_sheet(
    among: Sequence[Shot], labels: Sequence[str], *, columns: int = 0, longest: int = 320
) -> bytes:
    """All pictures on one PNG, about as wide as high, with only one held in memory at a time."""
    columns = min(columns or math.ceil(math.sqrt(len(among) * 1.4)), len(among))
    rows = math.ceil(len(among) / columns)
    edge = _fitting(columns, rows, longest)
    canvas = Image.new(
        "RGB", (GAP + columns * (edge + GAP), GAP + rows * (edge + CAPTION + GAP)), "white"
    )
    pen = ImageDraw.Draw(canvas)
    for number, (shot, text) in enumerate(zip(among, labels, strict=True)):
        left = GAP + number % columns * (edge + GAP)
        top = GAP + number // columns * (edge + CAPTION + GAP)
        image = shot.image(edge)
        canvas.paste(image, (left + (edge - image.width) // 2, top + (edge - image.height) // 2))
        sheet.write(
            pen, (left, top + edge + 2, left + edge, top + edge + CAPTION), text, 13, middle=True
        )
    texts, png = PngInfo(), io.BytesIO()
    texts.add_itxt(MARK, "\n".join(shot.name for shot in among))
    canvas.save(png, "PNG", pnginfo=texts)
    return png.getvalue()


def frames(
    among: Sequence[Shot], labels: Sequence[str], longest: int
) -> Iterator[tuple[str, Image.Image]]:
    """Label and pixels of each, for an animation."""
    if len(among) > MOST_FRAMES:
        raise BadParams(
            f"An animation has room for {MOST_FRAMES:,} pictures, and here are {len(among):,}. "
            f"Take a part of them: --every {math.ceil(len(among) / MOST_FRAMES)}"
        )
    return ((text, shot.image(longest)) for shot, text in zip(among, labels, strict=True))


def _shot(name: str, file: PictureFile) -> Shot | None:
    data = file.read()
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()  # a PNG's texts may stand behind its pixels
        if getattr(opened, "is_animated", False) or {MARK, sheet.CHUNK} & set(opened.info):
            return None
    try:
        return Shot(name, file, metadata.read(data).settings)
    except LibraryError:
        return Shot(name, file)


def _only_number(among: Sequence[Shot]) -> str:
    names = differing(among)
    is_number = len(names) == 1 and KNOBS[names[0]].kind in (int, float)
    return names[0] if is_number else NAME


def _sort_key(shot: Shot, by: str) -> tuple[Any, ...]:
    """By the setting, then by name as a person counts: 9 before 10; without the setting, last."""
    name = _counted(shot.name)
    if by == NAME:
        return (name,)
    value = shot.settings.get(by)
    if value is None:
        return (2, 0, [], name)
    return (
        (0, value, [], name)
        if isinstance(value, int | float)
        else (1, 0, _counted(str(value)), name)
    )


def _counted(text: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _fitting(columns: int, rows: int, longest: int) -> int:
    """The largest tile with which the sheet keeps within its room."""
    edge = max(sheet.SMALLEST, min(longest, sheet.LARGEST))
    while edge > sheet.SMALLEST and (
        columns * (edge + GAP) > sheet.WIDEST
        or columns * (edge + GAP) * rows * (edge + CAPTION + GAP) > sheet.ROOM
    ):
        edge -= 8
    return max(sheet.SMALLEST, edge)
