"""What a ControlNet of this process may be shown of a picture: its lines, or how far things are."""

import threading
from pathlib import Path
from typing import Any

from PIL import Image

from sdplay.engine.guides import MODULES, preprocessed
from sdplay.engine.torch.depth import DepthFinder, load_depth
from sdplay.errors import BadParams

DEPTH = "depth"


class Preprocessors:
    """All preprocessors by name; that for depth where the process was started with a model for
    it, which is loaded at its first use."""

    def __init__(self, depth: str, device: str) -> None:
        if depth and not (Path(depth).expanduser() / "config.json").is_file():
            raise BadParams(
                f"There is no depth model in {depth}. Give the folder with its config.json."
            )
        self.source, self.device = depth, device
        self._loaded: DepthFinder | None = None
        self._turn = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        return (*MODULES, *([DEPTH] if self.source else []))

    def check(self, name: str) -> None:
        """A sentence that says what to do, where there is none of that name."""
        if name in self.names:
            return
        if name == DEPTH:
            raise BadParams(
                "This process finds no depth: it has no model for that. Start it with "
                "--depth FOLDER."
            )
        raise BadParams(
            f"There is no ControlNet module called {name!r}. There are: {', '.join(self.names)}."
        )

    def preprocessed(self, image: Image.Image, name: str) -> Any:
        """What that one makes of an RGB picture: [h, w, 3], 0 to 255."""
        self.check(name)
        return self._depth(image) if name == DEPTH else preprocessed(image, name)

    def unload(self) -> None:
        """Drop the loaded model to free its memory."""
        with self._turn:
            self._loaded = None

    def _depth(self, image: Image.Image) -> Any:
        with self._turn:
            self._loaded = self._loaded or load_depth(self.source, self.device)
            return self._loaded.depth(image)[..., None].repeat(3, axis=2)
