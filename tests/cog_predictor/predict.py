"""A real Cog predictor with no model in it: the picture's colour comes from the seed, its size from
the request."""

import struct
import sys
import tempfile
import time
import zlib
from typing import Optional  # cog reads these annotations: it wants Optional

from cog import BasePredictor, Input, Path

SCHEDULERS = ["DDIM", "K_EULER", "DPMSolverMultistep", "K_EULER_ANCESTRAL", "PNDM", "KLMS"]


class Predictor(BasePredictor):
    def setup(self) -> None:
        time.sleep(0.5)

    def predict(
        self,
        prompt: str = Input(description="What to draw"),
        negative_prompt: str = Input(default=""),
        width: int = Input(choices=[64, 128, 512], default=128),
        height: int = Input(ge=8, le=1024, default=128),
        num_outputs: int = Input(ge=1, le=4, default=1),
        num_inference_steps: int = Input(ge=1, le=500, default=10),
        guidance_scale: float = Input(ge=1, le=20, default=7.5),
        scheduler: str = Input(choices=SCHEDULERS, default="DPMSolverMultistep"),
        tile: bool = Input(default=False, description="Make the edges meet"),
        grain: float = Input(ge=0, le=1, default=0.25),
        seed: Optional[int] = Input(default=None),  # noqa: UP045
    ) -> list[Path]:
        if prompt == "raise":
            raise ValueError("no such thing can be drawn")
        seed = 4711 if seed is None else seed
        print(f"Using seed: {seed}", flush=True)
        for step in range(1, num_inference_steps + 1):
            time.sleep(0.05)
            print(
                f"{100 * step // num_inference_steps:3d}%|### | {step}/{num_inference_steps}",
                file=sys.stderr,
                flush=True,
            )
        return [Path(_png(seed + each, width, height)) for each in range(num_outputs)]


def _png(seed: int, width: int, height: int) -> str:
    """Written by hand, so that this folder needs nothing but cog."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    colour = bytes((seed * 37 % 256, seed * 101 % 256, seed * 197 % 256))
    pixels = zlib.compress((b"\0" + colour * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    name = tempfile.mkstemp(suffix=".png")[1]
    with open(name, "wb") as file:
        file.write(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", pixels)
            + chunk(b"IEND", b"")
        )
    return name
