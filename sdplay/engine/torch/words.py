"""Prompts as tokens: emphasised ones, and embeddings (textual inversion), words that stand for
vectors of their own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from sdplay.engine.emphasis import weighed
from sdplay.errors import BadParams


@dataclass(frozen=True, eq=False)
class Embedding:
    """One file: vectors [n, width] for each text encoder."""

    vectors: tuple[Any, ...]
    fits: bool = True
    """The model's text encoders have these widths."""


@dataclass(frozen=True)
class Spelled:
    """A prompt's tokens without start and end, and the vectors that take the place of some."""

    ids: list[int]
    vectors: tuple[tuple[int, Any], ...] = ()
    """Where, and which."""
    weights: tuple[float, ...] = ()
    """How much each token is meant."""


def load_embedding(path: Path, widths: Sequence[int] = ()) -> Embedding:
    """The file's vectors, for text encoders of these widths."""
    try:
        with safe_open(path, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BadParams(
            f"The embedding {path.name} is cut off or no .safetensors file. Fetch it again."
        ) from error
    # SDXL's files hold two tensors.
    names = [name for name in ("clip_l", "clip_g") if name in tensors] or sorted(tensors)[:1]
    vectors = tuple(tensors[name].reshape(-1, tensors[name].shape[-1]) for name in names)
    return Embedding(vectors, not widths or [vector.shape[1] for vector in vectors] == list(widths))


def named_in(text: str, names: Iterable[str]) -> list[str]:
    """Which of these names a prompt uses, as whole words in any case."""
    return list(dict.fromkeys(piece for piece in _pieces(text, names)[1::2]))


def spelled(
    tokenizer: Any, text: str, embeddings: Sequence[tuple[str, Embedding]], at: int
) -> Spelled:
    """A prompt for the text encoder at that place."""
    vectors_of = {name: embedding.vectors[at] for name, embedding in embeddings if embedding.fits}
    ids: list[int] = []
    vectors, weights = [], list[float]()
    for words, weight in weighed(text):
        for position, piece in enumerate(_pieces(words, vectors_of)):
            if position % 2:
                vectors.append((len(ids), vectors_of[piece]))
                ids += [0] * len(vectors_of[piece])
            elif piece.strip():
                ids += tokenizer(piece, add_special_tokens=False).input_ids
        weights += [weight] * (len(ids) - len(weights))
    return Spelled(ids, tuple(vectors), tuple(weights))


def meant(tokens: Any, weights: Sequence[float]) -> Any:
    """The tokens' meaning [1, length, width], each as strong as its weight; their mean stays what
    it was, unless it would have to grow out of nothing."""
    if all(weight == 1 for weight in weights):
        return tokens
    room = tokens.shape[1] - 2
    strengths = torch.ones(tokens.shape[1], device=tokens.device, dtype=tokens.dtype)
    strengths[1 : 1 + min(len(weights), room)] = torch.tensor(weights[:room]).to(strengths)
    strong = tokens * strengths[:, None]
    before, after = tokens.float().mean(), strong.float().mean()
    return strong * (before / after).to(tokens.dtype) if after else strong


@contextmanager
def heard(encoder: Any, vectors: Sequence[tuple[int, Any]]) -> Iterator[None]:
    """Inside, the text encoder takes these vectors instead of its own, behind the start token."""

    def replaced(layer: Any, inputs: Any, answer: Any) -> Any:
        for at, these in vectors:
            room = answer.shape[1] - 2 - at
            answer[:, 1 + at : 1 + at + min(len(these), room)] = these[: max(room, 0)].to(answer)
        return answer

    hook = encoder.get_input_embeddings().register_forward_hook(replaced)
    try:
        yield
    finally:
        hook.remove()


def framed(tokenizer: Any, ids: Sequence[int]) -> tuple[Any, Any]:
    """The tokens with start, end and padding, and the mask that says which count."""
    length = tokenizer.model_max_length
    start_to_end = [tokenizer.bos_token_id, *ids[: length - 2], tokenizer.eos_token_id]
    missing = length - len(start_to_end)
    mask = torch.tensor([[1] * len(start_to_end) + [0] * missing])
    return torch.tensor([start_to_end + [tokenizer.pad_token_id] * missing]), mask


def _pieces(text: str, names: Iterable[str]) -> list[str]:
    """Words, a name, words, a name …, words."""
    by_case = {name.lower(): name for name in names}
    longest_first = "|".join(re.escape(name) for name in sorted(by_case, key=len, reverse=True))
    if not by_case:
        return [text]
    pieces = re.split(rf"(?<!\w)({longest_first})(?!\w)", text, flags=re.IGNORECASE)
    return [by_case[piece.lower()] if at % 2 else piece for at, piece in enumerate(pieces)]
