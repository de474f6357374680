"""Export: one copy of the weights for two worlds.

The folder is a diffusers pipeline with fp16 safetensors.  The ONNX graphs beside it hold no weights
of their own: their initializers point into those safetensors files and are cast to fp32, which
onnxruntime does once, when it loads.
"""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from onnx import TensorProto, helper
from PIL import Image
from transformers import CLIPTextModel

from sdplay.training.networks.method import SCHEDULE
from sdplay.training.networks.words import LENGTH, WIDTH, tokenizer
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.icons import DRAWN, things
from sdplay.training.pictures.styles import MADE
from sdplay.training.samples.preview import colours

TENSORS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
}


Parts = tuple[UNet2DConditionModel, AutoencoderKL, CLIPTextModel, list[str]]
"""U-Net, autoencoder, text encoder and vocabulary."""


def export(folder: Path, networks: Parts, version: str, pictures: Iterable[Image.Image]) -> None:
    """Write the whole model folder; the map for previews is fitted to these pictures."""
    unet, vae, text, words = networks
    preview = colours(vae.eval().float(), pictures)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [module.eval().half() for module in (vae, text, unet)]
    pipeline = StableDiffusionPipeline(
        vae=parts[0],
        text_encoder=parts[1],
        unet=parts[2],
        tokenizer=tokenizer(words),
        scheduler=DDIMScheduler(**SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    card = {
        "name": "sdplay-icons",
        "version": version,
        "max_words": LENGTH - 2,
        "colours": list(COLOURS),
        "things": [thing.word for thing in things()],
        "styles": [*(f"{style} style" for style in DRAWN), *MADE],
        "preview": preview,
    }
    (folder / "model.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    vae, text, unet = (module.float() for module in parts)
    with torch.no_grad():
        _graphs(folder, unet, vae, text)


def _graphs(
    folder: Path, unet: UNet2DConditionModel, vae: AutoencoderKL, text: CLIPTextModel
) -> None:
    auto = torch.export.Dim.AUTO
    latent = {0: auto, 2: auto, 3: auto}
    x = torch.randn(2, 8, 16, 24)
    _graph(
        folder,
        "unet",
        _Unet(unet),
        {
            "sample": x,
            "timestep": torch.tensor([1.0, 2.0]),
            "encoder_hidden_states": torch.randn(2, LENGTH, WIDTH),
        },
        {"sample": latent, "timestep": {0: auto}, "encoder_hidden_states": {0: auto}},
        "out_sample",
    )
    _graph(
        folder,
        "text_encoder",
        _Text(text),
        {"input_ids": torch.ones(2, LENGTH, dtype=torch.int64)},
        {"input_ids": {0: auto}},
        "last_hidden_state",
    )
    _graph(folder, "vae_decoder", _Decoder(vae), {"latent": x}, {"latent": latent}, "sample")
    _graph(
        folder,
        "vae_encoder",
        _Encoder(vae),
        {"sample": torch.randn(2, 3, 128, 192)},
        {"sample": latent},
        "latent",
    )


class _Unet(torch.nn.Module):
    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, sample: Any, timestep: Any, encoder_hidden_states: Any) -> Any:
        return self.unet(sample, timestep, encoder_hidden_states).sample


class _Text(torch.nn.Module):
    def __init__(self, text: CLIPTextModel) -> None:
        super().__init__()
        self.text_encoder = text

    def forward(self, input_ids: Any) -> Any:
        return self.text_encoder(input_ids).last_hidden_state


class _Decoder(torch.nn.Module):
    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latent: Any) -> Any:
        return self.vae.decode(latent).sample


class _Encoder(torch.nn.Module):
    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, sample: Any) -> Any:
        return self.vae.encode(sample).latent_dist.mean


def _graph(
    folder: Path,
    name: str,
    module: torch.nn.Module,
    inputs: dict[str, Any],
    shapes: dict[str, Any],
    output: str,
) -> None:
    """One graph whose weights are places in the safetensors files."""
    program = torch.onnx.export(
        module.eval(),
        (),
        kwargs=inputs,
        input_names=list(inputs),
        output_names=[output],
        dynamic_shapes=shapes,
        dynamo=True,
        opset_version=18,
        optimize=False,
        verbose=False,
    )
    model = program.model_proto
    del model.graph.value_info[:]
    places = {
        f"{part}.{key}": place
        for part, file in TENSORS.items()
        for key, place in _places(folder, file).items()
    }
    initializers, casts = [], []
    for tensor in model.graph.initializer:
        place = _place(tensor, places)
        if place is None:
            initializers.append(tensor)
            continue
        half = TensorProto(
            name=tensor.name + "_half",
            data_type=TensorProto.FLOAT16,
            dims=tensor.dims,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in zip(("location", "offset", "length"), place, strict=True):
            half.external_data.add(key=key, value=str(value))
        initializers.append(half)
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(initializers)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    left = sum(len(tensor.raw_data) for tensor in initializers)
    if left > 200_000:
        raise ValueError(f"{name}: {left} bytes of weights were not found in the safetensors files")
    onnx.save(model, folder / f"{name}.onnx")


def _places(folder: Path, file: str) -> dict[str, tuple[str, int, int]]:
    """Where each tensor of a safetensors file lies: file, offset, length."""
    with (folder / file).open("rb") as opened:
        size = struct.unpack("<Q", opened.read(8))[0]
        header = json.loads(opened.read(size))
    header.pop("__metadata__", None)
    return {
        key: (
            file,
            8 + size + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for key, entry in header.items()
    }


def _place(
    tensor: TensorProto, places: dict[str, tuple[str, int, int]]
) -> tuple[str, int, int] | None:
    """The place of a weight, by its name; transformers may save a prefix more or less than the
    module has."""
    if tensor.data_type != TensorProto.FLOAT:
        return None
    part, _, rest = tensor.name.partition(".")
    for name in (
        tensor.name,
        f"{part}.text_model.{rest}",
        tensor.name.replace(".text_model.", "."),
    ):
        place = places.get(name)
        if place and place[2] == 2 * int(np.prod(tensor.dims)):
            return place
    return None
