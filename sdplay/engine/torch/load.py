"""Checkpoints from disk: a diffusers folder, one .safetensors file or a hub id.  Nothing that is
read can run code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import SafetensorError, safe_open

from sdplay.engine.torch.model import Parts, TorchModel, best_device
from sdplay.engine.torch.stock import Stock
from sdplay.engine.torch.thrift import PLAIN, Thrift
from sdplay.errors import BadParams

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
PICKLES = (".ckpt", ".pt", ".pth", ".bin")


def load(
    source: str,
    *,
    device: str = "",
    dtype: str = "",
    config: str = "",
    exact_rows: int = 0,
    thrift: Thrift = PLAIN,
) -> TorchModel:
    """The checkpoint, ready on its device; a sentence when it cannot be.

    `config` is a diffusers folder of the same kind: a single file holds weights only, no tokenizer.
    """
    device = device or best_device()
    numbers = _numbers(dtype or usual_dtype(device))
    try:
        parts = _parts(source, numbers, config)
        return TorchModel(parts, device, numbers, exact_rows=exact_rows, thrift=thrift)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise BadParams(
            f"The model {source} could not be loaded: {_first_sentence(error)}"
        ) from error
    except (RuntimeError, AssertionError) as error:
        raise BadParams(
            f"The model {source} could not be put on {device!r}: {_first_sentence(error)}"
        ) from error


def load_stock(source: str, *, device: str = "", dtype: str = "", thrift: Thrift = PLAIN) -> Stock:
    """A model of another family, in the pipeline that diffusers has for it."""
    path, device = Path(source).expanduser(), device or best_device()
    numbers, name = _numbers(dtype or usual_dtype(device, stock=True)), _class_name(path)
    try:
        family = getattr(diffusers, name)
        # Some leave SD3's large text encoder out.
        absent = {part: None for part, kind in _index(path).items() if kind == [None, None]}
        pipe = family.from_pretrained(
            path, dtype=numbers, use_safetensors=True, local_files_only=True, **absent
        )
        return Stock(pipe, device, thrift)
    except (
        OSError,
        ValueError,
        KeyError,
        ImportError,
        RuntimeError,
        AssertionError,
        SafetensorError,
    ) as error:
        raise BadParams(
            f"The {name} {source} could not be loaded: {_first_sentence(error)}"
        ) from error


def fetched(source: str) -> str:
    """Where a model lies on this disk; one that the hub knows by this name is brought here
    first."""
    path = Path(source).expanduser()
    if path.exists() or not _is_hub_id(source):
        return source
    from huggingface_hub import snapshot_download

    try:
        return str(
            snapshot_download(
                source, allow_patterns=["*.json", "*.txt", "*.model", "*.safetensors"]
            )
        )
    except (OSError, ValueError) as error:
        raise BadParams(
            f"There is no model at {source}, and the hub did not give one: {_first_sentence(error)}"
        ) from error


def is_stock(source: str) -> bool:
    """Whether it is a folder of a family that runs in diffusers' own pipeline."""
    path = Path(source).expanduser()
    if not (path / "model_index.json").is_file():
        return False
    name = _class_name(path)
    return not _is_ours(name) and name.endswith("Pipeline") and hasattr(diffusers, name)


def usual_dtype(device: str, stock: bool = False) -> str:
    """Half precision on cards; large text encoders such as T5 overflow in fp16."""
    return "fp32" if device == "cpu" else "bf16" if stock else "fp16"


def load_controlnet(source: str) -> Any:
    """A ControlNet from a diffusers folder or one .safetensors file; the model that uses it moves
    it to its device."""
    path = Path(source).expanduser()
    _refuse_pickle(path)
    try:
        if path.is_file():
            return ControlNetModel.from_single_file(str(path))
        return ControlNetModel.from_pretrained(path, use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadParams(
            f"The ControlNet {source} could not be loaded: {_first_sentence(error)}"
        ) from error


def kind_of(source: str) -> str:
    """ "sd" or "sdxl"; a sentence for everything else."""
    path = Path(source).expanduser()
    _refuse_pickle(path)
    if path.is_file():
        return _kind_of_file(path)
    if not path.is_dir():
        raise BadParams(
            f"There is no model at {source}. Give a diffusers folder or a .safetensors file."
        )
    name = _class_name(path)
    if _is_ours(name):
        return "sdxl" if name.startswith("StableDiffusionXL") else "sd"
    raise BadParams(
        f"{source} is a {name or 'unknown'} model. The tick loop runs Stable Diffusion 1.x, 2.x "
        "and SDXL."
    )


def _class_name(folder: Path) -> str:
    """Which pipeline of diffusers the folder is made for."""
    return str(_index(folder).get("_class_name", ""))


def _index(folder: Path) -> dict[str, Any]:
    try:
        fields = json.loads((folder / "model_index.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadParams(
            f"{folder} is no diffusers folder: it has no readable model_index.json."
        ) from error
    return fields if isinstance(fields, dict) else {}


def _is_ours(name: str) -> bool:
    return name.startswith("StableDiffusion") and not name.startswith("StableDiffusion3")


def _numbers(dtype: str) -> Any:
    if dtype not in DTYPES:
        raise BadParams(
            f"There is no number format called {dtype!r}. There are: {', '.join(DTYPES)}."
        )
    return DTYPES[dtype]


def _refuse_pickle(path: Path) -> None:
    if path.suffix.lower() in PICKLES:
        raise BadParams(
            f"{path.name} is a pickle file, which can run code when it is read. "
            "Convert it to .safetensors first."
        )


def _parts(source: str, dtype: Any, config: str) -> Parts:
    path = Path(fetched(source)).expanduser()
    family = {"sd": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}[kind_of(str(path))]
    if path.is_file():
        options = {"config": config, "local_files_only": True} if config else {}
        with _without_the_hub(path, config):
            pipe = family.from_single_file(str(path), dtype=dtype, **options)
    else:
        pipe = family.from_pretrained(
            path,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            **_variant(path),
            **_unguarded(family),
        )
    pairs = [(pipe.tokenizer, pipe.text_encoder)]
    if family is StableDiffusionXLPipeline:
        # Its refiner has the second text encoder only.
        pairs = [
            pair
            for pair in (*pairs, (pipe.tokenizer_2, pipe.text_encoder_2))
            if pair != (None, None)
        ]
    if not pairs or any(None in pair for pair in pairs):
        raise BadParams(
            f"{source} lacks a text encoder or its tokenizer. Fetch the whole checkpoint."
        )
    return Parts(
        pipe.unet,
        pipe.vae,
        tuple(pair[0] for pair in pairs),
        tuple(pair[1] for pair in pairs),
        dict(pipe.scheduler.config),
        bool(pipe.config.get("force_zeros_for_empty_prompt")),
    )


@contextmanager
def _without_the_hub(path: Path, config: str) -> Iterator[None]:
    """A file of weights has no tokenizer: diffusers asks the hub for the rest of such a model."""
    try:
        yield
    except (OSError, ValueError) as error:
        if config or not _is_of_the_hub(error):
            raise
        raise BadParams(
            f"{path.name} holds weights only, and what else its model needs (tokenizer, shapes) "
            "could not be fetched from the Hugging Face hub. Give a diffusers folder of the same "
            "kind with --config FOLDER."
        ) from error


def _is_of_the_hub(error: BaseException | None) -> bool:
    """Whether it, or what caused it, was raised on the way to the hub."""
    while error is not None:
        if any(kind.__module__.startswith("huggingface_hub") for kind in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False


def _unguarded(family: Any) -> dict[str, Any]:
    return (
        {"safety_checker": None, "requires_safety_checker": False}
        if family is StableDiffusionPipeline
        else {}
    )


def _variant(folder: Path) -> dict[str, str]:
    """Folders that hold half-precision files only name them so."""
    whole = (folder / "unet/diffusion_pytorch_model.safetensors").exists()
    halves = (folder / "unet/diffusion_pytorch_model.fp16.safetensors").exists()
    return {"variant": "fp16"} if halves and not whole else {}


def _kind_of_file(path: Path) -> str:
    if path.suffix.lower() != ".safetensors":
        raise BadParams(f"{path.name} is no .safetensors file. Give one, or a diffusers folder.")
    try:
        with safe_open(path, "pt") as opened:
            names = set(opened.keys())
    except (SafetensorError, OSError) as error:
        raise BadParams(
            f"{path.name} is cut off or no .safetensors file. Fetch it again."
        ) from error
    if any(
        name.startswith(("conditioner.embedders.1.", "conditioner.embedders.0.model."))
        for name in names
    ):
        return "sdxl"
    if any(name.startswith("model.diffusion_model.input_blocks.") for name in names):
        return "sd"
    raise BadParams(f"{path.name} is no whole Stable Diffusion checkpoint: it has no U-Net inside.")


def _is_hub_id(source: str) -> bool:
    owner, slash, name = source.partition("/")
    return (
        bool(owner and slash and name)
        and "/" not in name
        and not source.startswith((".", "~", "/"))
    )


def _first_sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"
