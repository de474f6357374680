"""A run that goes on from the shipped weights: same autoencoder, more words, and the same U-Net or
one with more layers that answers alike."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from sdplay.training.log import Log, save
from sdplay.training.networks.averages import Averages
from sdplay.training.networks.method import Method
from sdplay.training.networks.unet import Painter, build
from sdplay.training.networks.words import text_encoder, vectors, vocabulary

EMBEDDING = "embeddings.token_embedding.weight"


def start(
    model: Path, out: Path, concrete: Path, sentence_model: Path, log: Log, layers: int = 1
) -> None:
    """Write words, autoencoder and first checkpoint of a run from the folder of a shipped model."""
    reader = CLIPTextModel.from_pretrained(model / "text_encoder", torch_dtype=torch.float32)
    words = vocabulary(sentence_model, concrete.read_text("utf-8").split())
    before = (model / "vocab.txt").read_text("utf-8").split()
    known_vectors = reader.get_input_embeddings().weight.detach().numpy()
    anchors = dict(zip(before, known_vectors, strict=True))
    meaning = vectors(words, sentence_model, anchors)
    save({"words": words, "vectors": torch.from_numpy(meaning)}, out / "words.pt")
    log(f"{len(words)} words, {len(set(words) & set(before))} of them known to the shipped model")
    vae = AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32)
    save({"model": vae.state_dict(), "steps": 0, "paces": {}}, out / "autoencoder.pt")
    painter = Painter(words, meaning, layers)
    painter.text.load_state_dict(grown(reader, words, meaning).state_dict())
    unet = UNet2DConditionModel.from_pretrained(model / "unet", torch_dtype=torch.float32)
    painter.unet.load_state_dict(deepened(unet, layers).state_dict())
    save(beginning(painter, Method(layers)), out / "unet.pt")


def beginning(painter: Painter, method: Method) -> dict[str, object]:
    """The checkpoint of a run that has seen nothing yet."""
    weights = {name: weight.detach() for name, weight in painter.learnt().items()}
    return {
        "weights": weights,
        "means": Averages.beginning(weights).means,
        "steppers": [],
        "method": asdict(method),
        "pace": 1.0,
        **dict.fromkeys(("ticks", "steps", "seen"), 0),
    }


def grown(reader: CLIPTextModel, words: list[str], meaning: np.ndarray) -> CLIPTextModel:
    """The text encoder with the vectors of more words, all else as it was."""
    text = text_encoder(words, meaning)
    others = {
        name: weight for name, weight in reader.state_dict().items() if not name.endswith(EMBEDDING)
    }
    missing, unexpected = text.load_state_dict(others, strict=False)
    if unexpected or [name for name in missing if not name.endswith(EMBEDDING)]:
        raise SystemExit(f"The shipped text encoder has another shape: {missing} {unexpected}")
    return text


@torch.no_grad()
def deepened(unet: UNet2DConditionModel, layers: int) -> UNet2DConditionModel:
    """The U-Net of one layer a block with so many, which at first answers the same: the layers that
    are new hand on what they are given."""
    before, deep = unet.state_dict(), build(layers)
    fresh = deep.state_dict()
    for name in fresh:
        source = _source(name, layers)
        if source is not None:
            fresh[name] = before[source]
        elif name.rsplit(".", 1)[0].endswith(("conv2", "proj_out")):
            fresh[name] = torch.zeros_like(fresh[name])
        elif name.endswith("conv_shortcut.weight"):
            fresh[name] = torch.eye(*fresh[name].shape[:2])[..., None, None]
        elif name.endswith("conv_shortcut.bias"):
            fresh[name] = torch.zeros_like(fresh[name])
    deep.load_state_dict(fresh)
    return deep


def _source(name: str, layers: int) -> str | None:
    """What a weight is called where blocks have one layer; nothing where it is new.  A block on the
    way down begins with the old layer, one on the way up begins and ends with the two old ones."""
    parts = name.split(".")
    if parts[0] not in ("down_blocks", "up_blocks") or parts[2] not in ("resnets", "attentions"):
        return name
    old = {0: 0, layers: 1} if parts[0] == "up_blocks" else {0: 0}
    place = old.get(int(parts[3]))
    return None if place is None else ".".join([*parts[:3], str(place), *parts[4:]])
