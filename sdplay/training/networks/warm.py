"""A run that goes on from the shipped weights: same U-Net, same autoencoder, more words."""

import copy
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from sdplay.training.log import Log, save
from sdplay.training.networks.words import text_encoder, vectors, vocabulary

EMBEDDING = "embeddings.token_embedding.weight"


def start(model: Path, out: Path, concrete: Path, sentence_model: Path, log: Log) -> None:
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
    unet = UNet2DConditionModel.from_pretrained(model / "unet", torch_dtype=torch.float32)
    text = grown(reader, words, meaning)
    states = [unet.state_dict(), text.state_dict()]
    save(
        {"models": [*states, *copy.deepcopy(states)], "steps": 0, "seen": 0, "pace": 1.0},
        out / "unet.pt",
    )


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
