"""Segment Anything: the things in a picture, each as a picture of its own on a transparent
ground."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from transformers import SamModel

from sdplay.errors import BadParams
from sdplay.picture import CutOut

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, which the model was trained with."""
GRID = 16
"""Points a side that look for everything there is: half of the paper's, at a quarter of the
time."""
AT_ONCE = 64
"""Points asked in one call."""
SURE, STABLE, SAME = 0.88, 0.95, 0.7
"""What the paper keeps: masks the model is sure of, that hardly move with the threshold, with boxes
of their own."""

Place = Sequence[float]
"""A point: x, y.  Or a box: left, top, right, bottom."""


@dataclass(frozen=True, eq=False)
class ReadPicture:
    """A picture as the model sees it: made once, asked often."""

    embedding: Any
    size: tuple[int, int]
    inside: tuple[int, int]
    """Its size in the model's square."""


class Segmenter:
    """One model, ready on its device."""

    def __init__(self, model: Any, name: str, device: str) -> None:
        self.model, self.name, self.device = model.to(device).eval(), name, device
        self.side = int(model.config.vision_config.image_size)

    def cut(
        self,
        image: Image.Image,
        points: Sequence[Place] = (),
        boxes: Sequence[Place] = (),
        most: int = 16,
    ) -> list[CutOut]:
        """The thing at each point and in each box; without any, all things found, the surest
        first."""
        with torch.inference_mode():
            read_picture = self.seen(image)
            masks, scores = (
                self.at(read_picture, points, boxes)
                if points or boxes
                else self.everything(read_picture)
            )
            cuts = [
                self._cut_out(image, self.whole(mask, read_picture), float(score))
                for mask, score in zip(masks[:most], scores, strict=False)
            ]
        return [cut for cut in cuts if cut]

    def seen(self, image: Image.Image) -> ReadPicture:
        """The picture in the corner of the model's square."""
        ratio = self.side / max(image.size)
        width, height = (max(1, int(length * ratio + 0.5)) for length in image.size)
        small = (
            np.asarray(
                image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR), np.float32
            )
            / 255
        )
        square = np.zeros((1, 3, self.side, self.side), np.float32)
        square[0, :, :height, :width] = ((small - MEAN) / DEVIATION).transpose(2, 0, 1)
        embedding = self.model.get_image_embeddings(torch.from_numpy(square).to(self.device))
        return ReadPicture(embedding, image.size, (width, height))

    def at(
        self, read_picture: ReadPicture, points: Sequence[Place], boxes: Sequence[Place]
    ) -> tuple[Any, Any]:
        """For each point and each box the mask that the model is surest of: [n, h, w] and [n]."""
        answers = [self._answers(read_picture, places) for places in (points, boxes) if places]
        masks, scores = (torch.cat(parts) for parts in zip(*answers, strict=True))
        best = scores.argmax(1)
        return masks[range(len(best)), best], scores[range(len(best)), best]

    def everything(self, read_picture: ReadPicture) -> tuple[Any, Any]:
        """A grid of points asks for whatever is there."""
        steps = [(at + 0.5) / GRID for at in range(GRID)]
        grid = [(x * read_picture.size[0], y * read_picture.size[1]) for y in steps for x in steps]
        distinct_ones: tuple[Any, Any] = (torch.zeros(0), torch.zeros(0))
        for start in range(0, len(grid), AT_ONCE):
            masks, scores = self._answers(read_picture, grid[start : start + AT_ONCE])
            good = (scores > SURE) & (stability(masks) > STABLE)
            masks, scores = masks[good], scores[good]
            # At once, not at the end: a thousand masks would fill the memory.
            distinct_ones = distinct(
                torch.cat([distinct_ones[0].reshape(-1, *masks.shape[1:]), masks]),
                torch.cat([distinct_ones[1], scores]),
            )
        return distinct_ones

    def _answers(self, read_picture: ReadPicture, places: Sequence[Place]) -> tuple[Any, Any]:
        """Three masks [n, 3, h, w] for each place, above zero where the thing is, and how sure the
        model is of each."""
        ratio = torch.tensor(read_picture.inside) / torch.tensor(read_picture.size)
        scaled = torch.tensor(places, dtype=torch.float32) * ratio.repeat(len(places[0]) // 2)
        prompts = (
            {"input_points": scaled[None, :, None]}
            if len(places[0]) == 2
            else {"input_boxes": scaled[None]}
        )
        answer = self.model(
            image_embeddings=read_picture.embedding,
            **{name: at.to(self.device) for name, at in prompts.items()},
        )
        return answer.pred_masks[0].float().cpu(), answer.iou_scores[0].float().cpu()

    def whole(self, mask: Any, read_picture: ReadPicture) -> Any:
        """A mask [h, w] at the picture's size."""
        square = torch.nn.functional.interpolate(
            mask[None, None], (self.side, self.side), mode="bilinear"
        )
        inside = square[..., : read_picture.inside[1], : read_picture.inside[0]]
        return torch.nn.functional.interpolate(inside, read_picture.size[::-1], mode="bilinear")[
            0, 0
        ].numpy()

    def _cut_out(self, image: Image.Image, mask: Any, score: float) -> CutOut | None:
        """The masked part on a transparent ground; none where the mask is empty."""
        alpha = cover(mask)
        if not (box := alpha.getbbox()):
            return None
        # What was left out is black, not only hidden.
        covered = np.asarray(alpha)[..., None]
        pixels = np.concatenate([np.asarray(image.convert("RGB")) * (covered > 0), covered], 2)
        return CutOut(Image.fromarray(pixels).crop(box), box, score, self.name)


def load_segmenter(source: str, device: str) -> Segmenter:
    """The model in that folder; a sentence when it cannot be."""
    folder = Path(source).expanduser()
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise BadParams(
            f"There is no Segment Anything model in {source}. Give the folder with its config.json."
        ) from error
    if kind != "sam":
        raise BadParams(
            f"{source} holds a model of the kind {kind!r}; cut-outs need one of the kind 'sam'."
        )
    try:
        model = SamModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        return Segmenter(model, folder.resolve().name, device)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BadParams(
            f"The Segment Anything model {source} could not be loaded: {reason}"
        ) from error


def cover(mask: Any) -> Image.Image:
    """How much of each pixel lies inside: its distance from the edge is its value over the slope
    there."""
    slope = np.hypot(*np.gradient(np.pad(mask, 1, "edge")))[1:-1, 1:-1]
    inside = mask / np.maximum(slope, 1e-6) + 0.5
    return Image.fromarray((inside.clip(0, 1) * 255).round().astype(np.uint8))


def stability(masks: Any) -> Any:
    """How little masks change when their threshold moves, from 0 to 1."""
    inner, outer = ((masks > offset).sum((-1, -2)) for offset in (1.0, -1.0))
    return inner / outer.clamp(min=1)


def distinct(masks: Any, scores: Any) -> tuple[Any, Any]:
    """The surest first, without those whose box nearly is the box of a surer one."""
    boxes, chosen = _boxes(masks > 0), list[int]()
    for at in scores.argsort(descending=True, stable=True).tolist():
        if not chosen or _overlap(boxes[at], boxes[chosen]).max() <= SAME:
            chosen.append(at)
    return masks[chosen], scores[chosen]


def _boxes(masks: Any) -> Any:
    """Left, top, right and bottom of each mask [n, h, w]."""
    edges = []
    for along in (masks.any(1), masks.any(2)):
        start, last = along.int().argmax(1), along.shape[1] - along.flip(1).int().argmax(1)
        edges.append((start, last))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], 1)


def _overlap(box: Any, others: Any) -> Any:
    """What a box shares with each other, as a part of what both cover."""
    shared = (
        (torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2]))
        .clamp(min=0)
        .prod(1)
    )
    areas = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1)
    return shared / (areas - shared)
