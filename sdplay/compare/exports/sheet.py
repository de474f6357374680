"""The contact sheet: one labelled PNG of a whole sweep, at any size, with its settings inside."""

import io
import json
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from sdplay.compare.plan import Cell, Plan
from sdplay.compare.planfile import grid_infotext, outline
from sdplay.compare.results import Pictures, Result

ROOM = 48_000_000
"""Pixels of a sheet: about what every viewer opens."""
SMALLEST, LARGEST = 24, 1024
WIDEST = 16_000
CHUNK = "sdplay-sweep"
"""The name of the text inside the PNG that holds the whole plan."""
_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "Helvetica.ttc",
)
_PAPER, _INK, _FAINT, _BAD = (255, 255, 255), (24, 28, 36), (232, 234, 238), (176, 32, 32)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Sheet:
    """A finished sheet."""

    png: bytes
    width: int
    height: int
    note: str = ""
    """What was done to make it fit, if anything."""


@dataclass(frozen=True)
class _Block:
    """A grid with a headline: one page of the sweep, or a part of one that would be too wide."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class _Layout:
    """The sizes of everything on the sheet, in pixels."""

    tile: tuple[int, int]
    side: int
    """The legend at the left."""
    head: int
    caption: int
    gap: int

    def size(self, block: _Block) -> tuple[int, int]:
        across, down = self.tile[0] + self.gap, self.tile[1] + self.caption + self.gap
        title = self.head if block.title else 0
        return self.side + across * len(block.columns) + self.gap, title + self.head + down * len(
            block.rows
        ) + self.gap


def sheet(
    plan: Plan,
    results: Mapping[tuple[int, ...], Result],
    pictures: Pictures,
    *,
    longest: int = 512,
) -> Sheet:
    """Draw every cell with its legend and time.  Tiles grow smaller until the sheet fits its room;
    it never fails."""
    blocks, layout, note = _fitted(plan, _usual_size(plan), min(longest, LARGEST))
    canvas = _canvas(blocks, layout)
    top = 0
    for block in blocks:
        _draw(canvas, block, layout, top, results, pictures)
        top += layout.size(block)[1]
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", compress_level=6, pnginfo=_texts(plan))
    return Sheet(buffer.getvalue(), canvas.width, canvas.height, note)


def _usual_size(plan: Plan) -> tuple[int, int]:
    """The size of the plan's largest picture, which gives the tiles their shape."""
    params = [cell.params for cell in plan.cells if not cell.skip] or [plan.base.params]
    return max(cell_params.width for cell_params in params), max(
        cell_params.height for cell_params in params
    )


def _fitted(plan: Plan, size: tuple[int, int], longest: int) -> tuple[list[_Block], _Layout, str]:
    """The largest tiles with which the sheet keeps within its room."""
    longest_edge = edge = min(longest, max(size))
    while True:
        tile = (
            max(1, round(size[0] * edge / max(size))),
            max(1, round(size[1] * edge / max(size))),
        )
        layout = _layout(tile, plan)
        blocks = list(_blocks(plan, max(1, (WIDEST - layout.side) // (tile[0] + layout.gap))))
        sizes = [layout.size(block) for block in blocks]
        area = max(width for width, _ in sizes) * sum(height for _, height in sizes)
        if area <= ROOM or edge <= SMALLEST:
            break
        edge = max(SMALLEST, min(edge - 1, int(edge * math.sqrt(ROOM / area))))
    note = (
        f"Each tile was made {edge} pixels long instead of {longest_edge}, so that the sheet fits."
        if edge < longest_edge
        else ""
    )
    return blocks, layout, note


def _layout(tile: tuple[int, int], plan: Plan) -> _Layout:
    small = min(tile) < 64
    letters = max((len(mark.label) for along in plan.varied for mark in along.marks), default=0)
    side = min(220, 24 + 8 * letters) if len(plan.varied) > 1 else 0
    return _Layout(tile, side, 24 if small else 44, 0 if small else 20, 2 if small else 8)


def _blocks(plan: Plan, most: int) -> Iterator[_Block]:
    """The first axis across, the second down, as on the page; one grid for every place on the
    others."""
    if not plan.varied:
        yield _Block("", ("",), ("",), ((plan.cells[0],),))
        return
    if len(plan.varied) == 1:
        yield from _wrapped(plan, most)
        return
    across, down = (tuple(_marks(plan, at)) for at in (0, 1))
    for corner in sorted({cell.at[2:] for cell in plan.cells}):
        fixed = dict(enumerate(corner, start=2))
        title = ", ".join(
            f"{plan.varied[at].axis.label}: {plan.varied[at].marks[to].label}"
            for at, to in fixed.items()
        )
        table = plan.table(1, 0, fixed)
        for start in range(0, len(across), most):
            part = slice(start, start + most)
            yield _Block(title, across[part], down, tuple(tuple(row[part]) for row in table))


def _marks(plan: Plan, at: int) -> Iterator[str]:
    along = plan.varied[at]
    yield from (
        f"{along.axis.label}: {mark.label}" if number == 0 else mark.label
        for number, mark in enumerate(along.marks)
    )


def _wrapped(plan: Plan, most: int) -> Iterator[_Block]:
    """A single axis broken into lines like text, about as wide as high."""
    labels = tuple(_marks(plan, 0))
    row = plan.table(None, 0)[0]
    wide = min(most, len(row) if len(row) <= 8 else math.ceil(math.sqrt(len(row) * 1.6)))
    for start in range(0, len(row), wide):
        part = slice(start, start + wide)
        yield _Block("", labels[part], ("",), (tuple(row[part]),))


def _canvas(blocks: Sequence[_Block], layout: _Layout) -> Image.Image:
    sizes = [layout.size(block) for block in blocks]
    return Image.new(
        "RGB", (max(width for width, _ in sizes), sum(height for _, height in sizes)), _PAPER
    )


def _draw(
    canvas: Image.Image,
    block: _Block,
    layout: _Layout,
    top: int,
    results: Mapping[tuple[int, ...], Result],
    pictures: Pictures,
) -> None:
    pen = ImageDraw.Draw(canvas)
    if block.title:
        write(
            pen,
            (layout.gap, top + 4, canvas.width - layout.gap, top + layout.head),
            block.title,
            18,
        )
        top += layout.head
    across, down = layout.tile[0] + layout.gap, layout.tile[1] + layout.caption + layout.gap
    for number, text in enumerate(block.columns):
        left = layout.side + layout.gap + number * across
        write(pen, (left, top + 2, left + layout.tile[0], top + layout.head), text, 14, middle=True)
    for number, (text, row) in enumerate(zip(block.rows, block.cells, strict=True)):
        above = top + layout.head + number * down
        write(pen, (4, above, layout.side, above + layout.tile[1]), text, 14, middle=True)
        for column, cell in enumerate(row):
            left = layout.side + layout.gap + column * across
            _tile(
                canvas, pen, (left, above), layout, results.get(cell.at) or Result(cell), pictures
            )


def _tile(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    layout: _Layout,
    result: Result,
    pictures: Pictures,
) -> None:
    left, top = at
    width, height = layout.tile
    picture = pictures(result) if result.done else None
    if picture is None:
        pen.rectangle((left, top, left + width - 1, top + height - 1), _FAINT)
        reason = result.error or {"skipped": "skipped"}.get(result.state, "not made")
        write(
            pen,
            (left + 4, top + 4, left + width - 4, top + height - 4),
            reason,
            13,
            _BAD if result.error else _INK,
        )
        return
    tile = picture.convert("RGB")
    tile.thumbnail((width, height), Image.Resampling.LANCZOS)
    canvas.paste(tile, (left + (width - tile.width) // 2, top + (height - tile.height) // 2))
    write(
        pen,
        (left, top + height + 2, left + width, top + height + layout.caption),
        result.caption,
        12,
        middle=True,
    )


def write(
    pen: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    text: str,
    size: int,
    ink: tuple[int, int, int] = _INK,
    *,
    middle: bool = False,
) -> None:
    """Text inside a box, broken into lines; what does not fit ends with three dots."""
    left, top, right, bottom = box
    if not text or right - left < 12 or bottom - top < 9:
        return
    size = min(size, bottom - top - 1)
    font = _font(size)
    lines = _lines(_printable(text), font, right - left, max(1, (bottom - top) // (size + 3)))
    for number, line in enumerate(lines):
        shift = (right - left - font.getlength(line)) / 2 if middle else 0
        pen.text((left + max(0, shift), top + number * (size + 3)), line, ink, font)


def _lines(text: str, font: Font, width: int, most: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    cut = [_cut(line, font, width) for line in lines[:most]]
    if len(lines) > most:
        cut[-1] = _cut(f"{lines[most - 1]} {lines[most]}" + "." * 80, font, width)
    return cut


def _cut(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip(". ") + "..."


@cache
def _font(size: int) -> Font:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _printable(text: str) -> str:
    """Pillow's own font has English letters only: what it lacks is written with those."""
    if isinstance(font := _font(12), ImageFont.FreeTypeFont) and font.getname()[0] != "Aileron":
        return text
    for sign, instead in (("→", "->"), ("×", "x"), ("−", "-"), ("…", "...")):
        text = text.replace(sign, instead)
    folded = unicodedata.normalize("NFKD", text)
    return (
        "".join(letter for letter in folded if not unicodedata.combining(letter))
        .encode("ascii", "replace")
        .decode()
    )


def _texts(plan: Plan) -> PngInfo:
    """The texts inside the PNG: A1111 reads the first and restores the grid; the second holds the
    plan as it was."""
    texts = PngInfo()
    texts.add_itxt("parameters", grid_infotext(plan))
    texts.add_itxt(CHUNK, json.dumps(outline(plan), ensure_ascii=False))
    return texts
