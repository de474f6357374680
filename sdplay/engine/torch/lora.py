"""LoRA files: small matrices beside a network's own, worn row by row, so that all pictures share a
call."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch.nn import functional

from sdplay.errors import BadParams

_HALF = re.compile(r"(.+?)[._]lora(?:_linear_layer)?[._](down|up|A|B)\.weight")
_SIDES = {"down": "down", "A": "down", "up": "up", "B": "up"}
_NETWORKS = {
    "lora_unet_": 0,
    "unet.": 0,
    "lora_te_": 1,
    "lora_te1_": 1,
    "text_encoder.": 1,
    "lora_te2_": 2,
    "text_encoder_2.": 2,
}
"""How the files of kohya's trainer and of diffusers name the U-Net and the text encoders."""
_OLD_ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
_OLD_BLOCK = {
    "conv1": "in_layers_2",
    "conv2": "out_layers_3",
    "time_emb_proj": "emb_layers_1",
    "conv_shortcut": "skip_connection",
}


@dataclass(frozen=True, eq=False)
class Pair:
    """What a LoRA adds to one layer: down to few numbers and up again."""

    down: Any
    up: Any
    """Scaled already."""

    def __call__(self, layer: Any, x: Any, weights: Any) -> Any:
        """For each row of x, as much as its weight says."""
        if isinstance(layer, torch.nn.Conv2d):
            few = functional.conv2d(x, self.down, None, layer.stride, layer.padding, layer.dilation)
            return functional.conv2d(few * weights.view(-1, 1, 1, 1), self.up)
        few = functional.linear(x, self.down)
        return functional.linear(few * weights.view(-1, *[1] * (few.ndim - 1)), self.up)


@dataclass(frozen=True, eq=False)
class Lora:
    """One file: pairs by layer, for the U-Net and for each text encoder."""

    networks: tuple[Mapping[str, Pair], ...]


@dataclass(frozen=True)
class Worn:
    """A LoRA in one picture."""

    lora: Lora
    weight: float
    text_weight: float


def load_lora(path: Path, networks: Sequence[Any], device: Any, dtype: Any) -> Lora:
    """The file's pairs for a U-Net and its text encoders; a sentence when they do not fit."""
    tensors, metadata = _read(path)
    layers = [_layers(network) for network in networks]
    pairs: list[dict[str, Pair]] = [{} for _ in networks]
    for name, (down, up) in _halves(tensors, path).items():
        at, flat = _position(name)
        if at >= len(networks) or (layer := layers[at].get(flat)) is None:
            raise _misfit(path, name)
        module = networks[at].get_submodule(layer)
        alpha = (
            tensors[f"{name}.alpha"].item()
            if f"{name}.alpha" in tensors
            else _alpha(metadata, name, len(down))
        )
        pair = _fitted(Pair(down, up.float() * (alpha / len(down))), module)
        if pair is None:
            raise _misfit(path, name)
        pairs[at][layer] = Pair(pair.down.to(device, dtype), pair.up.to(device, dtype))
    return Lora(tuple(pairs))


@contextmanager
def worn(network: Any, at: int, rows: Sequence[Mapping[Lora, float]]) -> Iterator[None]:
    """Inside, the network (by its place in a LoRA's networks) answers each row as if only that
    row's LoRAs were on."""
    with ExitStack() as hooks:
        for lora in dict.fromkeys(lora for row in rows for lora in row):
            weights = [row.get(lora, 0.0) for row in rows]
            for layer, pair in lora.networks[at].items() if any(weights) else ():
                strengths = torch.tensor(weights, device=pair.up.device, dtype=pair.up.dtype)
                hook = network.get_submodule(layer).register_forward_hook(
                    partial(_add, pair, strengths)
                )
                hooks.callback(hook.remove)
        yield


def _add(pair: Pair, weights: Any, layer: Any, inputs: tuple[Any, ...], answer: Any) -> Any:
    return answer + pair(layer, inputs[0], weights)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors, and what diffusers' trainers wrote about them."""
    try:
        with safe_open(path, "pt") as opened:
            fields = json.loads((opened.metadata() or {}).get("lora_adapter_metadata", "{}"))
            return {name: opened.get_tensor(name) for name in opened.keys()}, fields  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise BadParams(
            f"The LoRA {path.name} is cut off or no .safetensors file. Fetch it again."
        ) from error


def _alpha(fields: Mapping[str, Any], name: str, rank: int) -> float:
    """What the trainer multiplied with, as diffusers tells it; a pair's rank when it says
    nothing."""
    network, _, layer = name.partition(".")
    alpha = fields.get(f"{network}.lora_alpha", rank)
    return float((fields.get(f"{network}.alpha_pattern") or {}).get(layer, alpha))


def _halves(tensors: Mapping[str, Any], path: Path) -> dict[str, tuple[Any, Any]]:
    """The two halves of each layer, by its name in the file; a sentence for what is no LoRA."""
    pairs: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if half := _HALF.fullmatch(name):
            pairs.setdefault(half[1], {})[_SIDES[half[2]]] = tensor
        elif not name.endswith(".alpha"):
            raise BadParams(
                f"{path.name} is no plain LoRA: it holds {name}. LoHa, LoKr, DoRA and others "
                "are not "
                "applied here."
            )
    if not pairs or any(len(halves) < 2 for halves in pairs.values()):
        raise BadParams(f"{path.name} is no LoRA: it has no pairs of matrices inside.")
    return {name: (halves["down"], halves["up"]) for name, halves in pairs.items()}


def _position(name: str) -> tuple[int, str]:
    """Which network a layer belongs to, and its name there without dots."""
    for prefix, at in _NETWORKS.items():
        if name.startswith(prefix):
            return at, name[len(prefix) :].replace(".processor", "").replace(".", "_")
    return len(_NETWORKS), name


def _layers(network: Any) -> dict[str, str]:
    """A network's layers by every name that LoRA files give them, without dots."""
    names: dict[str, str] = {}
    for layer, module in network.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            flat = layer.replace(".", "_")
            for name in (
                flat,
                flat.removesuffix("_0"),
                _old_text_name(flat),
                *_old_unet_names(flat, network.config),
            ):
                names[name] = names[f"text_model_{name}"] = layer
                names[name.removeprefix("text_model_")] = layer
    return names


def _old_text_name(flat: str) -> str:
    for new, old in _OLD_ATTENTION.items():
        flat = flat.replace(new, old)
    return flat


def _old_unet_names(flat: str, config: Any) -> Iterator[str]:
    """The name in Stability's own code, which SDXL's LoRA files use."""
    whole = {
        "conv_in": "input_blocks_0_0",
        "conv_out": "out_2",
        "time_embedding_linear_1": "time_embed_0",
        "time_embedding_linear_2": "time_embed_2",
        "add_embedding_linear_1": "label_emb_0_0",
        "add_embedding_linear_2": "label_emb_0_2",
    }
    if flat in whole:
        yield whole[flat]
    inside = re.fullmatch(r"(down_blocks|mid_block|up_blocks)_(?:(\d+)_)?([a-z]+)_(\d+)_(.+)", flat)
    if not inside or not hasattr(config, "layers_per_block"):
        return
    kind, block, part, at, rest = (
        inside[1],
        int(inside[2] or 0),
        inside[3],
        int(inside[4]),
        inside[5],
    )
    rest = _OLD_BLOCK.get(rest, rest)
    a_block = config.layers_per_block + 1
    if part == "downsamplers":
        yield f"input_blocks_{(block + 1) * a_block}_0_op"
    elif part == "upsamplers":
        yield from (f"output_blocks_{(block + 1) * a_block - 1}_{after}_conv" for after in (1, 2))
    elif kind == "mid_block":
        yield f"middle_block_{1 if part == 'attentions' else 2 * at}_{rest}"
    else:
        offset, name = (1, "input_blocks") if kind == "down_blocks" else (0, "output_blocks")
        yield f"{name}_{offset + block * a_block + at}_{int(part == 'attentions')}_{rest}"


def _fitted(pair: Pair, module: Any) -> Pair | None:
    """In the layer's own shape; some files write linear layers as convolutions of one pixel and the
    other way round."""
    down, up = pair.down, pair.up
    if isinstance(module, torch.nn.Conv2d):
        if down.ndim == 2:
            down, up = down[..., None, None], up[..., None, None]
        fits = down.shape[1:] == module.weight.shape[1:] and up.shape[2:] == (1, 1)
    else:
        down, up = down.flatten(1), up.flatten(1)
        fits = down.shape[1:] == module.weight.shape[1:]
    return Pair(down, up) if fits and up.shape[:2] == (len(module.weight), len(down)) else None


def _misfit(path: Path, layer: str) -> BadParams:
    return BadParams(
        f"The LoRA {path.stem} does not fit this model, which has no such layer as {layer}. It "
        "was made "
        "for another kind of model."
    )
