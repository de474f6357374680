"""The command cutouts: the things in pictures as separate transparent PNGs, with no server."""

import argparse
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from sdplay.errors import BadParams, LibraryError
from sdplay.files.decode import read_picture
from sdplay.files.picture_file import PictureFile
from sdplay.picture import CutOut, png_bytes
from sdplay.sweeps.folder import tree
from sdplay.sweeps.upscale import places

EXTRA = "Cut-outs need torch and transformers: pip install '.[local]'"


def register(actions: Any) -> None:
    """Add the command to the others."""
    cutouts = actions.add_parser(
        "cutouts",
        help="cut the things in a picture out, by Segment Anything",
        description="Cut the things in pictures out, each as a transparent PNG. Without "
        "--point and --box, everything that is found.",
    )
    cutouts.add_argument(
        "source",
        metavar="PICTURE",
        type=Path,
        help="A picture, or a folder: then all pictures below it, to the same tree.",
    )
    cutouts.add_argument(
        "--model",
        metavar="FOLDER",
        required=True,
        help="A Segment Anything model, as transformers keeps it (such as sam-vit-base).",
    )
    cutouts.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="Where the PNGs go."
    )
    cutouts.add_argument(
        "--point",
        metavar="X,Y",
        action="append",
        default=[],
        help="Cut out the thing at this pixel. May be repeated.",
    )
    cutouts.add_argument(
        "--box",
        metavar="L,T,R,B",
        action="append",
        default=[],
        help="Cut out the thing between these edges. May be repeated.",
    )
    cutouts.add_argument(
        "--most",
        metavar="N",
        type=int,
        default=16,
        help="At most so many of a picture; 16 if not given.",
    )
    cutouts.add_argument(
        "--device", default="", help="cuda, mps or cpu; the fastest there is unless given."
    )
    cutouts.add_argument("--json", action="store_true", help="Print a JSON list.")
    cutouts.set_defaults(run=_cutouts)


def _cutouts(options: argparse.Namespace) -> None:
    points = [_numbers("--point", text, 2) for text in options.point]
    boxes = [_numbers("--box", text, 4) for text in options.box]
    pictures = _pictures(options.source)
    try:
        from sdplay.engine.torch.cutouts import load_segmenter
        from sdplay.engine.torch.model import best_device
    except ImportError as error:
        raise BadParams(f"{EXTRA} ({error.name} is missing).") from error
    segmenter = load_segmenter(options.model, options.device or best_device())
    rows = []
    for name, path in places(pictures).items():
        with Image.open(io.BytesIO(pictures[name].read())) as opened:
            cuts = segmenter.cut(ImageOps.exif_transpose(opened), points, boxes, options.most)
        rows += [
            {"picture": name, **row} for row in _written(cuts, options.out / path.with_suffix(""))
        ]
        if not options.json:
            print(f"{name}  {len(cuts)} cut-outs in {(options.out / path).parent}")
    if options.json:
        print(json.dumps(rows))


def _pictures(source: Path) -> dict[str, PictureFile]:
    """The picture, or all below the folder, by path."""
    if not source.is_file():
        pictures, notes = tree(source)
        for note in notes:
            print(note, file=sys.stderr)
        return pictures
    read_picture(source, "The picture")
    return {source.name: PictureFile.checked(source)}


def _written(cut_outs: list[CutOut], path: Path) -> Iterator[dict[str, Any]]:
    for number, cut in enumerate(cut_outs, 1):
        file = path.with_name(f"{path.name}-{number}.png")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png_bytes(cut.image))
        except OSError as error:
            raise LibraryError(
                f"The cut-out could not be written to {file}: {error.strerror}."
            ) from error
        yield {"file": str(file), "box": cut.box, "score": round(cut.score, 4)}


def _numbers(flag: str, text: str, count: int) -> Any:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise BadParams(f"{flag} needs {count} numbers with commas between them, not {text!r}.")
    return numbers
