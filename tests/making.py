"""A small real backend for tests that need time: paints a colour, a step at a time, and notices
when it is closed."""

import threading
import time
from collections.abc import Iterator

from PIL import Image

from sdplay.backends import Backend, Event
from sdplay.errors import BackendRefused
from sdplay.params import Params
from sdplay.picture import Picture, Progress, Receipt, Timing, png_bytes


class Painter(Backend):
    name = "painter"
    label = "Painter"

    def __init__(self, seconds_a_step: float = 0.0) -> None:
        self.pause = threading.Event()
        self.seconds_a_step = seconds_a_step
        self.made: list[Params] = []
        self.stopped = 0

    def generate(self, params: Params) -> Iterator[Event]:
        done = False
        try:
            for step in range(params.steps):
                self.pause.wait(self.seconds_a_step)
                yield Progress((step + 1) / params.steps, step + 1, params.steps)
            if params.prompt == "refuse":
                raise BackendRefused("The painter has no such colour. Choose another.")
            if params.prompt == "bug":
                raise ZeroDivisionError
            self.made.append(params)
            done = True
            data = png_bytes(
                Image.new("RGB", (params.width, params.height), (params.seed % 256, 80, 80))
            )
            yield Picture(data, params, self.name, Timing(1.0), Receipt(params.asked(), {}, {}))
        finally:
            self.stopped += not done


class Held(Painter):
    """Makes so many pictures and then works at the next one until it may make more."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def generate(self, params: Params) -> Iterator[Event]:
        while len(self.made) >= self.most:
            time.sleep(0.005)
            yield Progress(0.5)
        yield from super().generate(params)


def colour(red: int = 200, size: int = 64) -> Image.Image:
    """A small picture of one colour."""
    return Image.new("RGB", (size, size), (red % 256, 90, 20))


def finished(seconds: float = 1.5, backend: str = "test", **settings: object) -> Picture:
    """A finished picture whose colour comes from its seed."""
    params = Params(**{"prompt": "a fox", "width": 64, "height": 64, **settings})
    receipt = Receipt(params.asked(), {}, {}, ("Sent late.",))
    return Picture(png_bytes(colour(params.seed)), params, backend, Timing(seconds), receipt, "v1")
