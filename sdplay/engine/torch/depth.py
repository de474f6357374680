"""How far away everything in a picture is, by a network that was trained for that."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from transformers import AutoImageProcessor, AutoModelForDepthEstimation
from transformers.pipelines.depth_estimation import DepthEstimationPipeline

from sdplay.errors import BadParams


class DepthFinder:
    """One model, ready on its device."""

    def __init__(self, model: Any, processor: Any, device: str) -> None:
        # Some models answer in distances, the others in what is largest close by.
        self.is_distance = getattr(model.config, "depth_estimation_type", "") == "metric"
        self._pipeline = DepthEstimationPipeline(
            model=model, image_processor=processor, device=torch.device(device)
        )

    def depth(self, image: Image.Image) -> Any:
        """From 0, the farthest, to 255, the nearest: [h, w], in the size of that RGB picture."""
        values = self._pipeline(image)["predicted_depth"].float().cpu().numpy()
        nearness = -values if self.is_distance else values
        lowest, highest = float(nearness.min()), float(nearness.max())
        share = (nearness - lowest) / max(highest - lowest, 1e-6)
        return (share * 255).round().astype(np.uint8)


def load_depth(source: str, device: str) -> DepthFinder:
    """The model in that folder; a sentence when it cannot be."""
    folder = Path(source).expanduser()
    try:
        model = AutoModelForDepthEstimation.from_pretrained(
            folder, use_safetensors=True, local_files_only=True
        )
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BadParams(f"The depth model {source} could not be loaded: {reason}") from error
    return DepthFinder(model.eval(), processor, device)
