"""Finds what a prompt names beside words: <lora:name:weight>, as A1111's users write it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdplay.errors import BadParams

FOLDERS = ("loras", "embeddings", "upscalers")
"""Beside or in a model's folder; what lies in them is no part of the model."""
_TAG = re.compile(r"<lora:([^:>]+)((?::[^:>]*)*)>")


@dataclass(frozen=True)
class Named:
    """One LoRA that a prompt names, and how strongly it acts on the picture and on the prompt's
    meaning."""

    name: str
    weight: float = 1.0
    text_weight: float = 1.0


def without_tags(prompt: str) -> str:
    """The prompt without its tags: the words that the model reads."""
    return _TAG.sub("", prompt).strip() if "<lora:" in prompt else prompt


def loras_in(prompt: str) -> tuple[Named, ...]:
    """The LoRAs that a prompt names; one that is named twice acts as strongly as both together."""
    loras: dict[str, Named] = {}
    for tag in _TAG.finditer(prompt):
        new = _named(tag[1].strip(), tag[2].split(":")[1:], tag[0])
        old = loras.get(new.name, Named(new.name, 0.0, 0.0))
        loras[new.name] = Named(
            new.name, old.weight + new.weight, old.text_weight + new.text_weight
        )
    return tuple(loras.values())


def beside(models: Iterable[str], folder: str) -> list[str]:
    """The folders of that name in or next to the models, where there are any."""
    paths = [path for path in (Path(model).expanduser() for model in models) if path.exists()]
    folders = [around / folder for path in paths for around in _around(path)]
    return [str(model) for model in dict.fromkeys(folders) if model.is_dir()]


def _around(path: Path) -> tuple[Path, ...]:
    """Where a model's LoRAs may lie: beside a file; in a folder of models; in or beside a diffusers
    folder."""
    if not path.is_dir():
        return (path.parent,)
    return (path, path.resolve().parent) if (path / "model_index.json").exists() else (path,)


def files_in(folders: Iterable[str]) -> dict[str, Path]:
    """The .safetensors files in these folders and below, by name."""
    paths: dict[str, Path] = {}
    for folder in (Path(path).expanduser() for path in folders):
        if not folder.is_dir():
            raise BadParams(f"There is no folder {folder}.")
        for file in sorted(folder.rglob("*.safetensors")):
            paths.setdefault(file.stem, file)
    return paths


def marks(files: Mapping[str, Path]) -> dict[str, str]:
    """A mark for each file that changes when another file takes its place, without reading it."""
    fields = {name: file.stat() for name, file in files.items() if file.is_file()}
    return {name: f"{stat.st_mtime_ns:x}{stat.st_size:x}" for name, stat in fields.items()}


def _named(name: str, sentences: list[str], tag: str) -> Named:
    """Reads the weights of a tag: `0.8` is for both; `0.5:0.8` is prompt, then picture; `te=0.5`
    and `unet=0.8` name which."""
    parts = [sentence.partition("=") for sentence in sentences]
    named = {key.strip(): value for key, equals, value in parts if equals}
    unnamed = [value for value, equals, _ in parts if not equals]
    if len(unnamed) > 2 or not set(named) <= {"te", "unet"}:
        raise BadParams(f"{tag} could not be read. Write it like this: <lora:{name}:0.8>")
    try:
        text = float(named.get("te", unnamed[0] if unnamed else 1.0))
        return Named(name, float(named.get("unet", unnamed[-1] if unnamed else text)), text)
    except ValueError as error:
        raise BadParams(
            f"{tag} could not be read. Write it like this: <lora:{name}:0.8>"
        ) from error
