"""The judge's network: where things are in a picture, and what they are."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from sdplay.engine.card import SHIPPED
from sdplay.engine.judge.names import ThingNames
from sdplay.engine.onnx_model import NATIVE

SIDE = 96
"""The side at which the judge looks at a picture."""
SURE = 0.35
"""From here on a place counts as a thing."""
OUTPUTS = ("present", "things", "colours", "whole")
"""What the network answers, in this order."""
Pixels = np.ndarray[Any, np.dtype[np.float32]]


def looked_at(pictures: Sequence[Image.Image]) -> Pixels:
    """Pictures as the judge sees them: small, channels first, -1 to 1."""
    small = [
        picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for picture in pictures
    ]
    rows = [np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1 for picture in small]
    return np.stack(rows)


def sureness(logits: Pixels) -> Pixels:
    """Logits as shares, 0 to 1."""
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def peaks(sure: Pixels) -> list[tuple[int, int]]:
    """The rows and columns of places surer than their neighbours, and sure enough; the surest of
    all in any case."""
    wide = np.pad(sure, 1)
    shifted = [
        wide[dy : dy + sure.shape[0], dx : dx + sure.shape[1]] for dy in range(3) for dx in range(3)
    ]
    top = np.max(shifted, axis=0) == sure
    found = sorted(np.argwhere(top & (sure > SURE)).tolist(), key=lambda at: -sure[tuple(at)])
    return [(y, x) for y, x in found] or [divmod(int(sure.argmax()), sure.shape[1])]


class ShippedJudge:
    """The shipped judge."""

    def __init__(self, file: Path = SHIPPED / "judge.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self._network = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        said = self._network.get_modelmeta().custom_metadata_map
        self.names = ThingNames(tuple(said["things"].split("\n")), json.loads(said["names"]))

    def sure(self, picture: Image.Image, things: Sequence[str]) -> float:
        """How surely the picture shows all of these things, 0 to 1: as the least sure of them,
        each where it is surest."""
        with NATIVE:
            present, named = self._network.run(OUTPUTS[:2], {"pixels": looked_at([picture])})
        shares = [_shares(named[0, :, y, x]) for y, x in peaks(sureness(present[0, 0]))]
        surest = np.max(shares, axis=0)
        return float(min(surest[self.names.things.index(thing)] for thing in things))


def _shares(logits: Pixels) -> Pixels:
    """Logits as shares that add up to 1."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)
