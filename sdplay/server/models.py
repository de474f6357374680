"""The models this process may use, and the one that is loaded.  Jobs for another model wait until
it is its turn."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from sdplay.backends.local.process import BUILTIN, checkpoints_in
from sdplay.engine.card import SHIPPED
from sdplay.engine.loop import Engine
from sdplay.engine.torch.load import (
    fetched,
    is_stock,
    load,
    load_controlnet,
    load_stock,
    usual_dtype,
)
from sdplay.engine.torch.model import TorchModel, best_device
from sdplay.engine.torch.safety import load_checker
from sdplay.engine.torch.stock import Stock
from sdplay.engine.torch.thrift import PLAIN, Thrift
from sdplay.engine.torch.words import Embedding, load_embedding
from sdplay.errors import BadParams, Cancelled, PlayError
from sdplay.server.extras.addons import FOLDERS, beside, files_in
from sdplay.server.extras.cutter import Cutter
from sdplay.server.extras.preprocessors import Preprocessors
from sdplay.server.extras.upscalers import Upscalers

PATIENCE = 10.0
"""Seconds that jobs of the loaded model may go before one that waits for another model."""


@dataclass(frozen=True)
class ModelEntry:
    """One model that can be loaded."""

    name: str
    source: str
    mark: str
    """Ten characters that name the weights; empty for a hub id, whose weights may not be here
    yet."""
    stock: bool = False
    """Of another family than Stable Diffusion 1, 2 and XL: it runs in diffusers' own pipeline."""

    @property
    def title(self) -> str:
        return f"{self.name} [{self.mark}]" if self.mark else self.name


@dataclass(frozen=True)
class Machine:
    """What models are loaded onto."""

    device: str = ""
    dtype: str = ""
    config: str = ""
    rows: int = 16
    """Rows of one U-Net call; with CFG a picture takes two."""
    controlnets: tuple[str, ...] = ()
    """Folders and files of ControlNets, or folders of those."""
    loras: tuple[str, ...] = ()
    """Folders of LoRA files; without any, the folders `loras` beside the models."""
    embeddings: tuple[str, ...] = ()
    """Folders of embeddings; without any, the folders `embeddings` beside the models."""
    upscalers: tuple[str, ...] = ()
    """Folders of networks that enlarge; without any, the folders `upscalers` beside the models."""
    segmenter: str = ""
    """Folder of a Segment Anything model."""
    depth: str = ""
    """Folder of a model that tells how far things are."""
    safety_checker: str = ""
    """The folder of a network that looks at every picture; none unless given."""
    thrift: Thrift = PLAIN
    exact: bool = False
    """Always exactly that many rows, so that a picture is the same to the last bit alone and in
    company."""


class Models:
    """All models by name; at most one is loaded."""

    def __init__(self, sources: Sequence[str], machine: Machine = Machine()) -> None:
        self.machine = machine
        self.sources = tuple(sources)
        self.by_name: dict[str, ModelEntry] = {}
        self.nets: dict[str, str] = {}
        """ControlNets: the path of each by its name."""
        self._nets: dict[str, Any] = {}
        self.loras: dict[str, Path] = {}
        self.upscalers = Upscalers(self.device)
        self.cutter = Cutter(machine.segmenter, self.device)
        self.preprocessors = Preprocessors(machine.depth, self.device)
        self.embeddings: dict[str, Path] = {}
        self.checker = (
            load_checker(machine.safety_checker, self.device) if machine.safety_checker else None
        )
        self.refresh()
        self.chosen = next(iter(self.by_name))
        """The model for those who name none."""
        self.loaded = ""
        self.failure = ""
        self._engine: Engine | Stock | None = None
        self._users = 0
        self._line: list[_Waiting] = []
        self._turn = threading.Condition()

    @property
    def device(self) -> str:
        return self.machine.device or best_device()

    def version(self, model: ModelEntry) -> str:
        """Names the weights, the number format and tiles, which change pixels too."""
        dtype = self.machine.dtype or usual_dtype(self.device, model.stock)
        thrift = self.machine.thrift
        details = [
            "" if dtype == "fp32" else dtype,
            "in tiles" if thrift.tiling else "",
            f"in tiles of {thrift.tile}" if thrift.tile and not model.stock else "",
        ]
        return " ".join(filter(None, [model.title, *details]))

    @property
    def native(self) -> int | None:
        """Pixels a side that the loaded model was made for."""
        return self._model.native if self._model else None

    def refresh(self) -> None:
        """List again the models in the files and folders that this process was started with."""
        model_entries: dict[str, ModelEntry] = {}
        for source in dict.fromkeys(chain.from_iterable(map(_inside, self.sources))):
            entry = _entry(source)
            name = entry.name
            while name in model_entries:
                name += "'"
            model_entries[name] = replace(entry, name=name)
        self.by_name = model_entries
        self.nets = {
            Path(net).stem: net
            for source in self.machine.controlnets
            for net in _nets_inside(source)
        }
        self.loras = files_in(self.machine.loras or beside(self.sources, "loras"))
        self.embeddings = files_in(self.machine.embeddings or beside(self.sources, "embeddings"))
        self.upscalers.files = files_in(self.machine.upscalers or beside(self.sources, "upscalers"))

    def embedding(self, name: str) -> Embedding:
        """The embedding of that name, in the vectors of the loaded model."""
        model, file = self._model, self.embeddings[name]
        return model.embedding(file) if model else load_embedding(file)

    def net(self, name: str) -> Any:
        """A ControlNet, loaded at its first use and kept."""
        bare_name = name.split(" [")[0]
        if bare_name not in self.nets:
            raise BadParams(
                f"There is no ControlNet called {name!r}. There are: "
                f"{', '.join(self.nets) or 'none'}."
            )
        if bare_name not in self._nets:
            self._nets[bare_name] = load_controlnet(self.nets[bare_name])
        return self._nets[bare_name]

    def lora(self, name: str) -> Path:
        """The file of a LoRA; refuses an unknown name with a sentence that lists the choices."""
        if name not in self.loras:
            raise BadParams(
                f"There is no LoRA called {name!r}. There are: {', '.join(self.loras) or 'none'}."
            )
        return self.loras[name]

    def named(self, name: str) -> ModelEntry:
        """The model of that name, title or mark, and the chosen one when empty; refuses an unknown
        name with a sentence that lists the choices."""
        searched = name.strip() or self.chosen
        for model in self.by_name.values():
            if searched in (model.name, model.title, model.mark):
                return model
        raise BadParams(f"There is no model called {name!r}. There are: {', '.join(self.by_name)}.")

    @contextmanager
    def engine(
        self, name: str, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Engine | Stock]:
        """The engine with that model, loaded first if need be; it stays until everybody who holds
        it is done."""
        model = self.named(name)
        engine = self._take(model, stopped)
        try:
            yield engine
        finally:
            with self._turn:
                self._users -= 1
                self._turn.notify_all()

    def unload(self) -> None:
        """Drop the loaded model to free its memory, once nobody uses it."""
        self.upscalers.unload()
        self.cutter.unload()
        self.preprocessors.unload()
        with self._turn:
            while self._users:
                self._turn.wait(0.5)
            self._drop()

    def _take(self, model: ModelEntry, stopped: Callable[[], bool]) -> Engine | Stock:
        waiting = _Waiting(model.name, time.monotonic())
        with self._turn:
            self._line.append(waiting)
            try:
                while not self._may_enter(waiting):
                    self._turn.wait(0.5)
                    if stopped():
                        raise Cancelled("It was stopped before its model was loaded.")
                if self._engine is None or self.loaded != model.name:
                    self._load(model)
                assert self._engine is not None
                self._users += 1
                return self._engine
            finally:
                self._line.remove(waiting)
                self._turn.notify_all()

    def _may_enter(self, waiting: "_Waiting") -> bool:
        others = [each for each in self._line if each.model != self.loaded]
        if waiting.model == self.loaded and self._engine is not None:
            return (
                not others
                or time.monotonic() - others[0].since < PATIENCE
                or self._line[0] is waiting
            )
        return self._users == 0 and others[0] is waiting

    def _load(self, model: ModelEntry) -> None:
        self._drop()
        try:
            self._engine = self._loaded(fetched(model.source))
        except PlayError as error:
            self.failure = str(error)
            raise
        self.loaded, self.failure = model.name, ""

    def _loaded(self, source: str) -> Engine | Stock:
        machine = self.machine
        if is_stock(source):
            return load_stock(
                source, device=machine.device, dtype=machine.dtype, thrift=machine.thrift
            )
        model = load(
            source,
            device=machine.device,
            dtype=machine.dtype,
            config=machine.config,
            exact_rows=machine.rows if machine.exact else 0,
            thrift=machine.thrift,
        )
        # Every step may be shown: it costs nothing until somebody looks.
        return Engine(model, max_rows=machine.rows, preview_seconds=0)

    @property
    def _model(self) -> TorchModel | None:
        model = self._engine.model if isinstance(self._engine, Engine) else None
        return model if isinstance(model, TorchModel) else None

    def _drop(self) -> None:
        model = self._model
        if self._engine is not None:
            self._engine.close()
        if model is not None:
            model.close()
        self._engine, self.loaded = None, ""


@dataclass(frozen=True, eq=False)
class _Waiting:
    model: str
    since: float


def _inside(source: str) -> list[str]:
    """The models at a place: the model itself, or those that a folder of models holds."""
    path = Path(source).expanduser()
    if source == BUILTIN or not path.is_dir() or (path / "model_index.json").exists():
        return [source]
    checkpoints = checkpoints_in(path)
    if not checkpoints:
        raise BadParams(
            f"There is no model in {source}. Give a diffusers folder or a .safetensors file."
        )
    return [str(file) for file in checkpoints]


def _nets_inside(source: str) -> list[str]:
    path = Path(source).expanduser()
    if path.is_file() or (path / "config.json").exists():
        return [str(path)]
    if not path.is_dir():
        raise BadParams(
            f"There is no ControlNet at {source}. Give a diffusers folder or a .safetensors file."
        )
    return [
        str(entry)
        for entry in sorted(path.iterdir())
        if entry.suffix == ".safetensors" or (entry / "config.json").exists()
    ]


def _entry(source: str) -> ModelEntry:
    path = SHIPPED if source == BUILTIN else Path(source).expanduser()
    name = path.stem if path.is_file() else path.name
    if path == SHIPPED:
        name = str(json.loads((path / "model.json").read_text("utf-8"))["name"])
    return ModelEntry(
        name, source if not path.exists() else str(path.resolve()), _mark(path), is_stock(str(path))
    )


def _mark(path: Path) -> str:
    """A fingerprint of the weights that is quick for many gigabytes: sizes, beginnings and ends of
    all files."""
    inside = [
        file
        for file in sorted(path.rglob("*.safetensors"))
        if file.relative_to(path).parts[0] not in FOLDERS
    ]
    files = [path] if path.is_file() else inside
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            size = file.stat().st_size
            digest.update(size.to_bytes(8, "little") + opened.read(2**20))
            opened.seek(max(0, size - 2**20))
            digest.update(opened.read())
    return digest.hexdigest()[:10]
