"""Everything here that enlarges finished pictures: Pillow's filters, and the networks in the folder
upscalers."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from PIL import Image

from sdplay.engine.start import FILTERS
from sdplay.engine.torch.upscale import Size, Steps, Upscaler, load_upscaler
from sdplay.errors import BadParams


class Upscalers:
    """All upscalers by name; at most one network is loaded, and works on one picture at a time."""

    def __init__(self, device: str, files: Mapping[str, Path] = {}) -> None:
        self.device, self.files = device, files
        self._loaded: tuple[str, Upscaler] | None = None
        self._turn = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*FILTERS, *self.files)))

    def check(self, name: str) -> None:
        """Refuse an unknown upscaler with a sentence that lists the choices."""
        if name not in self.names:
            raise BadParams(
                f"There is no upscaler called {name!r}. There are: {', '.join(self.names)}."
            )

    def enlarged(self, image: Image.Image, size: Size, name: str) -> Image.Image:
        """The picture at that size; what was transparent stays so."""
        *_, large = self.enlarging(image, size, name)
        return cast(Image.Image, large)

    def enlarging(self, image: Image.Image, size: Size, name: str) -> Steps:
        """The same with the share that is done after every tile; closing it stops the work."""
        self.check(name)
        if name in FILTERS:
            yield image.resize(size, FILTERS[name])
            return
        with self._turn:
            for step in self._network(name).enlarging(image.convert("RGB"), size):
                if isinstance(step, Image.Image) and image.mode == "RGBA":
                    step.putalpha(image.getchannel("A").resize(size, Image.Resampling.LANCZOS))
                yield step

    def unload(self) -> None:
        """Drop the loaded network to free its memory."""
        with self._turn:
            self._loaded = None

    def _network(self, name: str) -> Upscaler:
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None
            self._loaded = (name, load_upscaler(self.files[name], self.device))
        return self._loaded[1]
