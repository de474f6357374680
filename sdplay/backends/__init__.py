"""The backend contract.  A file or folder here that says `BACKEND = YourClass` is a backend."""

import difflib
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from PIL import Image

from sdplay.errors import BadParams
from sdplay.knob import Knob
from sdplay.params import KNOBS, Params
from sdplay.picture import CutOut, Enlargement, Picture, Progress
from sdplay.schedulers import find, spelled
from sdplay.settings import setting

Event = Progress | Picture
Status = Literal["ready", "starting", "busy", "down", "unauthorised"]

GUEST_PREFIX = "yours-"
"""How the name of a server begins that a visitor connected for one visit."""
NOT_CONNECTED = (
    "This was made for a server that somebody connected for one visit. Connect it again, with the "
    "same address, under the list of backends."
)
BASICS = frozenset({"negative", "seed", "steps", "cfg", "scheduler"})
"""What nearly every backend has: offered by one that does not tell."""
FEATURES = (
    BASICS
    | {knob.needs for knob in KNOBS.values() if knob.needs}
    | {"progress", "preview", "cancel", "frames", "upscale", "cutouts", "payload"}
)


@dataclass(frozen=True)
class Alias:
    """A name that a server takes for a scheduler besides those in its list."""

    listed: str = ""
    """The one in the list that makes the same picture; empty where none does."""
    warning: str = ""
    """A sentence where a part of the name counts for nothing."""


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do.  None, or a name in `unknown`, means it does not tell, which is not a
    no."""

    status: Status = "ready"
    message: str = ""
    """One sentence for the person: what it is, or why it is not ready and what to do."""
    version: str = ""
    features: frozenset[str] = frozenset()
    unknown: frozenset[str] = BASICS
    schedulers: tuple[str, ...] | None = None
    """Our scheduler ids; a name that only this server knows stands as it is."""
    scheduler_aliases: Mapping[str, Alias] = field(default_factory=dict)
    """Names that it takes besides."""
    models: tuple[str, ...] | None = None
    model: str = ""
    """The model loaded now."""
    upscalers: tuple[str, ...] | None = None
    face_restorers: tuple[str, ...] | None = None
    """Networks that repair the faces of a finished picture."""
    styles: tuple[str, ...] | None = None
    vaes: tuple[str, ...] | None = None
    inpaint_fills: tuple[str, ...] = ("original", "fill", "latent noise", "latent nothing")
    control_models: tuple[str, ...] | None = None
    control_modules: tuple[str, ...] | None = None
    scripts: tuple[str, ...] = ()
    """The server's own scripts for the raw payload fields, each with its arguments, in words."""
    sizes: tuple[tuple[int, int], ...] = ((512, 512), (768, 512), (512, 768))
    size_limits: tuple[int, int] = (64, 4096)
    size_step: int = 8
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Ranges of this backend's model where they differ from ours, by knob name."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Knob values that suit this backend better than ours."""
    chips: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words it knows, by group: offered under the prompt."""
    negatives: tuple[str, ...] = ()
    """Negative prompts to pick from; the page begins with the first, which may be empty."""
    docs: str = ""
    """The address of the server's own pages about its API."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """What to do to get a feature that is not there, by its name."""
    inputs: tuple[Mapping[str, Any], ...] = ()
    """Further inputs read from the model's own schema: name, label, type, default, minimum,
    maximum, choices, help."""
    at_once: int = 1
    """Jobs it wants at the same time."""
    idle_is_free: bool = False
    """Pictures that nobody waits for may be made while it rests: they cost no money."""
    price: float | None = None
    """Money per picture in US dollars, where known."""

    def unused(self, params: Params) -> tuple[str, ...]:
        """A sentence for every setting that was changed and has no effect: this backend has no
        place for it, or it changes nothing."""
        homeless = (
            f"{knob.label} has no effect here: this backend has no such setting."
            for knob in self._homeless
            if params.sets(knob.name)
        )
        alias = self.scheduler_aliases.get(params.scheduler, Alias())
        return (*homeless, *filter(None, [alias.warning]), *params.idle())

    @cached_property
    def _homeless(self) -> tuple[Knob, ...]:
        """The settings that it has no place for; a large plan asks for each of its cells."""
        return tuple(knob for knob in KNOBS.values() if not self.offers(knob.needs))

    def missing(self, params: Params) -> tuple[str, ...]:
        """A sentence for every name in these settings that this backend has not."""
        requested = [
            *(("style", name, self.styles) for name in map(str.strip, params.styles.split("|"))),
            ("VAE", params.vae, self.vaes),
            *(("ControlNet model", unit.model, self.control_models) for unit in params.control),
        ]
        return tuple(
            f"There is no {kind} {name!r} on this server, and it would be passed over in silence. "
            f"There are: {', '.join(names) or 'none'}."
            for kind, name, names in requested
            if name not in ("", "None") and names is not None and not _is_among(name, names)
        )

    def scheduler(self, name: str) -> str | None:
        """Our id, or the server's own name, for what a person wrote; None where it has none of that
        name."""
        entry = find(name)
        if self.schedulers is None:
            return entry.id if entry else name
        if entry and entry.id in self.schedulers:
            return entry.id
        names = {spelled(option): option for option in (*self.scheduler_aliases, *self.schedulers)}
        return names.get(spelled(name)) or (names.get(spelled(entry.id)) if entry else None)

    def listed_scheduler(self, name: str) -> str:
        """The one in the list that makes exactly what this name says; empty where none does."""
        chosen = self.scheduler(name)
        alias = self.scheduler_aliases.get(chosen or "")
        if alias:
            return "" if alias.warning else alias.listed
        return (chosen or "") if self.schedulers is None or chosen in self.schedulers else ""

    def nearest_schedulers(self, name: str) -> str:
        """The scheduler names that are most like one that is not there."""
        names = {spelled(option): option for option in self.schedulers or ()}
        near = difflib.get_close_matches(spelled(name), names, 8, 0.4) or list(names)[:8]
        rest = len(names) - len(near)
        listed = ", ".join(names[option] for option in near)
        return f"{listed} and {rest} more" if rest else listed

    def choices(self, knob: Knob) -> tuple[str, ...] | None:
        """What there is to choose from for this setting; None where nobody tells."""
        listed: tuple[str, ...] | None = getattr(self, knob.choices) if knob.choices else None
        return listed

    def offers(self, feature: str) -> bool:
        """Whether to show a control: yes or not told."""
        return not feature or feature in self.features or feature in self.unknown


def _is_among(name: str, names: tuple[str, ...]) -> bool:
    """Whether one of the names is meant: a hash in brackets may be left out."""
    return name in names or name in [choice.partition(" [")[0] for choice in names]


@dataclass(frozen=True)
class Asker:
    """On whose behalf a picture is made."""

    owner: str = ""
    group: str = ""
    """Names the sweep that it is a cell of."""


NOBODY = Asker()
ASKER: ContextVar[Asker] = ContextVar("ASKER", default=NOBODY)
"""Set by whoever runs generate(), so that what many share can give its askers turns and keep a
sweep together."""


class Backend(ABC):
    """Something that makes pictures."""

    name: str
    label: str
    remote: bool = False
    """Settings leave this machine."""
    secrets: tuple[str, ...] = ()
    """What nobody may read in what it says or makes, where a visitor gave it; the owner's keys are
    blanked everywhere."""
    keep_frames: bool = False
    """Set it to get what is seen at every step with the picture, where the feature `frames` is
    offered."""
    frame_steps: frozenset[int] = frozenset()
    """With `keep_frames`: the only steps that are looked at, so that a backend may leave out all
    others. Empty means every step."""
    previews: bool = True
    """Cleared where nobody watches a picture grow, as in a sweep: previews cost time, and watched
    ones go first."""

    @abstractmethod
    def generate(self, params: Params) -> Iterator[Event]:
        """Yield Progress and at the end one Picture.  Closing the iterator stops the work (in
        `finally`)."""

    def probe(self) -> Capabilities:
        """What it can do now.  Never raises; quick, at most a few seconds."""
        return Capabilities()

    def warm_up(self) -> None:  # noqa: B027  # most backends have nothing to get ready
        """Get ready for the first picture in the background, where that helps; returns at once."""

    def payload(self, params: Params) -> dict[str, Any]:
        """The request as it would be sent, for those who want to see or edit it; `params.extra`
        laid over it."""
        return {**params.as_dict(), **params.extra_fields()}

    def model_version(self, params: Params) -> str:
        """Names the weights: a part of the recipe key.  Empty when the backend does not tell."""
        return params.model

    def upscale(self, image: Image.Image, factor: float, upscaler: str) -> Image.Image:
        """Enlarge a picture, where the feature `upscale` is offered."""
        raise BadParams(f"{self.label} cannot enlarge pictures. Choose another backend for that.")

    def enlarge(self, image: Image.Image, how: Enlargement) -> Iterator[Progress | Image.Image]:
        """The same with progress, where the backend tells of any, and the large picture at the end.
        Closing it stops the backend."""
        if how.faces:
            raise BadParams(f"{self.label} repairs no faces. Leave that out.")
        yield self.upscale(image, how.factor, how.upscaler)

    def preprocessed(self, picture: bytes, module: str) -> Image.Image:
        """What a ControlNet preprocessor makes of a picture, where the feature `controlnet` is
        offered."""
        raise BadParams(f"{self.label} has no preprocessors. Choose another backend for that.")

    def cut_out(self, image: Image.Image) -> list[CutOut]:
        """The things in a picture, each on a transparent ground, where the feature `cutouts` is
        offered."""
        raise BadParams(f"{self.label} cannot cut things out. Choose another backend for that.")


def kinds() -> dict[str, type[Backend]]:
    """Every backend found here, a file or a folder, by name; what works at once stands first."""
    backends: dict[str, type[Backend]] = {}
    for module in pkgutil.iter_modules(__path__):
        backend = getattr(importlib.import_module(f"{__name__}.{module.name}"), "BACKEND", None)
        if backend is not None:
            backends[backend.name] = backend
    order = ("builtin", "a1111", "predict", "local")
    return dict(
        sorted(
            backends.items(),
            key=lambda item: order.index(item[0]) if item[0] in order else len(order),
        )
    )


def connect(name: str = "") -> Backend:
    """The backend of that name, set up from the settings; the chosen default when empty."""
    name = name or setting("SDPLAY_BACKEND")
    backends = kinds()
    if name.startswith(GUEST_PREFIX):
        raise BadParams(NOT_CONNECTED)
    if name not in backends:
        raise BadParams(f"There is no backend called {name!r}. There are: {', '.join(backends)}.")
    return backends[name]()
