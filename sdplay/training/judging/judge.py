"""The judge: finds the things in a picture and names them, their colours, and whether they are
whole."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from sdplay.engine.judge.network import OUTPUTS, SIDE, looked_at, peaks, sureness
from sdplay.training.pictures.captions import plural
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.icons import things

CELLS = 12


def _layer(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class Judge(nn.Module):
    """A small convolutional network that looks at twelve by twelve places of a picture."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            _layer(3, 16, 2), _layer(16, 32, 2), _layer(32, 32), _layer(32, 64, 2), _layer(64, 64)
        )
        self.coarse = nn.Sequential(_layer(64, 128, 2), _layer(128, 128), _layer(128, 128))
        self.joined = nn.Sequential(_layer(192, 128, kernel=1), _layer(128, 128), nn.Dropout2d(0.1))
        self.present = nn.Conv2d(128, 1, 1)
        self.things = nn.Conv2d(128, count, 1)
        self.colours = nn.Conv2d(128, len(COLOURS), 1)
        self.whole = nn.Conv2d(128, 1, 1)
        nn.init.constant_(self.present.bias, -3)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        fine = self.fine(pixels)
        coarse = F.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest")
        seen = self.joined(torch.cat([fine, coarse], 1))
        heads = (self.present, self.things, self.colours, self.whole)
        return tuple(head(seen) for head in heads)


@dataclass(frozen=True)
class Sighting:
    """One thing that the judge sees."""

    things: tuple[str, ...]
    """What it may be, the likeliest first."""
    colour: str
    x: float
    y: float
    """Where it is, in parts of the side."""
    whole: float
    """How surely its shape is whole, 0 to 1."""


@torch.no_grad()
def sightings(judge: Judge, pictures: Sequence[Image.Image]) -> list[list[Sighting]]:
    """What the judge sees in each picture, the surest first; always at least one thing."""
    present, named, coloured, whole = (
        output.float().numpy() for output in judge(torch.from_numpy(looked_at(pictures)))
    )
    sure = sureness(present[:, 0])
    return [
        [
            Sighting(
                tuple(_words()[at] for at in named[n, :, y, x].argsort()[::-1][:5]),
                list(COLOURS)[int(coloured[n, :, y, x].argmax())],
                (x + 0.5) / sure.shape[2],
                (y + 0.5) / sure.shape[1],
                float(sureness(whole[n, 0, y, x])),
            )
            for y, x in peaks(sure[n])
        ]
        for n in range(len(sure))
    ]


def _words() -> list[str]:
    return [thing.word for thing in things()]


def melted(pixels: torch.Tensor, amount: float, dice: random.Random) -> torch.Tensor:
    """Pictures bent by a smooth random field, as a young generator bends its outlines."""
    count = len(pixels)
    chance = torch.Generator().manual_seed(dice.getrandbits(60))
    knots = torch.randn(count, 2, 6, 6, generator=chance) * amount
    bend = F.interpolate(knots, pixels.shape[-2:], mode="bicubic", align_corners=True)
    here = F.affine_grid(
        torch.eye(2, 3).expand(count, 2, 3), list(pixels.shape), align_corners=False
    )
    return F.grid_sample(
        pixels, here + bend.movedim(1, -1), padding_mode="border", align_corners=False
    )


def export(judge: Judge, file: Path) -> None:
    """The judge as one small ONNX file, its weights in 16 bits."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    program = torch.onnx.export(
        judge.eval(),
        (torch.zeros(2, 3, SIDE, SIDE),),
        input_names=["pixels"],
        output_names=list(OUTPUTS),
        dynamic_shapes={"pixels": {0: torch.export.Dim.AUTO}},
        dynamo=True,
        opset_version=18,
        verbose=False,
    )
    model = program.model_proto
    del model.graph.value_info[:]
    casts, tensors = [], []
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or weights.size < 64:
            tensors.append(tensor)
            continue
        half = numpy_helper.from_array(weights.astype(np.float16), f"{tensor.name}_half")
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
        tensors.append(half)
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(tensors)
    model.graph.node.extend(nodes)
    model.metadata_props.add(key="things", value="\n".join(_words()))
    model.metadata_props.add(key="names", value=json.dumps(_known_as()))
    model.metadata_props.add(key="colours", value="\n".join(COLOURS))
    onnx.save(model, file)


def _known_as() -> dict[str, str]:
    """By each name that people use, one or several of it, the thing."""
    return {
        name.lower(): thing.word
        for thing in things()
        for word in (*thing.unseen, *thing.also, thing.word)
        for name in (plural(word), word)
    }
