"""A safety checker: looks at every finished picture, and what it finds unsuitable leaves the
process black."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors import SafetensorError
from transformers import CLIPImageProcessor

from sdplay.errors import BadParams


class Checker:
    """One network and how it wants to see pictures."""

    def __init__(self, network: Any, eye: Any, device: str) -> None:
        self.network, self.eye, self.device = network.to(device).eval(), eye, device
        self._lock = Lock()

    def passed(self, image: Image.Image) -> bool:
        """Whether the picture may be shown."""
        values = self.eye(image.convert("RGB"), return_tensors="pt").pixel_values.to(self.device)
        with self._lock, torch.inference_mode():
            _, unsuitable = self.network(values, [np.zeros((1, 1, 3))])
        return not unsuitable[0]


def load_checker(source: str, device: str) -> Checker:
    """From the checker's own folder, or from a checkpoint's that has one inside."""
    folder = Path(source).expanduser()
    parts = [
        folder / name if (folder / name).is_dir() else folder
        for name in ("safety_checker", "feature_extractor")
    ]
    try:
        network = StableDiffusionSafetyChecker.from_pretrained(
            parts[0], use_safetensors=True, local_files_only=True
        )
        return Checker(
            network, CLIPImageProcessor.from_pretrained(parts[1], local_files_only=True), device
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadParams(
            f"There is no safety checker in {source}. Give a checkpoint's folder that has one "
            "inside, or "
            "its own, with preprocessor_config.json."
        ) from error
