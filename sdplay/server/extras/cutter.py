"""The Segment Anything model of this process, loaded at its first use; it works on one picture at a
time."""

import threading
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sdplay.engine.torch.cutouts import Place, Segmenter, load_segmenter
from sdplay.errors import BadParams
from sdplay.picture import CutOut


class Cutter:
    """Cuts things out of pictures, where the process was started with a model for that."""

    def __init__(self, source: str, device: str) -> None:
        if source and not (Path(source).expanduser() / "config.json").is_file():
            raise BadParams(
                f"There is no Segment Anything model in {source}. Give the folder with its "
                "config.json."
            )
        self.source, self.device = source, device
        self._loaded: Segmenter | None = None
        self._turn = threading.Lock()

    def cut(
        self, image: Image.Image, points: Sequence[Place], boxes: Sequence[Place], most: int
    ) -> list[CutOut]:
        """The thing at each point and in each box; without any, all things found."""
        if not self.source:
            raise BadParams(
                "This process cuts nothing out: it has no Segment Anything model. Start it with "
                "--segmenter FOLDER."
            )
        with self._turn:
            self._loaded = self._loaded or load_segmenter(self.source, self.device)
            return self._loaded.cut(image, points, boxes, most)

    def unload(self) -> None:
        """Drop the loaded model to free its memory."""
        with self._turn:
            self._loaded = None
