"""A Stable Diffusion 1.5 folder whose weights are mostly holes: two gigabytes to read, a fraction
of that on disk.

Only the picture decoder is filled, with small random numbers, so pictures depend on the seed and on
nothing else.
"""

import json
import math

import numpy as np


def write(folder):
    """Make the folder; needs torch, diffusers and transformers for the names and shapes alone."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(
            latent_channels=4,
            layers_per_block=2,
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
        words = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=49408,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                projection_dim=768,
            )
        )
    text = {
        _prefixed(name): value
        for name, value in _shapes(words).items()
        if "position_ids" not in name
    }
    _write(folder / "unet" / "diffusion_pytorch_model.safetensors", _shapes(unet))
    _write(folder / "text_encoder" / "model.safetensors", text)
    _write(folder / "vae" / "diffusion_pytorch_model.safetensors", _shapes(vae), filled=True)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


def _shapes(module):
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def _prefixed(name):
    return name if name.startswith("text_model.") else f"text_model.{name}"


def _write(path, shapes, filled=False):
    """A safetensors file by hand: its header, then a hole, or numbers where `filled`."""
    path.parent.mkdir(parents=True)
    entries, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name, shape in shapes.items() if filled else ():
            file.seek(8 + len(header) + entries[name]["data_offsets"][0])
            file.write(_values(name, shape).astype(np.float16).tobytes())
        file.truncate(8 + len(header) + end)


def _values(name, shape):
    if name.endswith(".bias"):
        return np.zeros(shape)
    if "norm" in name:
        return np.ones(shape)
    return np.random.default_rng(len(name)).standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
