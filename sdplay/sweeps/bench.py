"""The backends of a sweep: set up and asked once, and what a plan needs to know of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sdplay.backends import Backend, Capabilities, connect, kinds
from sdplay.backends.guests import is_connected, label_of
from sdplay.compare.axes import Offer, Setup
from sdplay.compare.plan import Facts
from sdplay.errors import BadParams
from sdplay.library import Library, Recipe
from sdplay.params import KNOBS, Params
from sdplay.schedulers import PRESETS
from sdplay.sweeps.speeds import Speeds


class Bench:
    """Backends by name, made when first named and probed once."""

    def __init__(
        self,
        backends: Mapping[str, Backend] | None = None,
        *,
        frames: bool = False,
        connect: Callable[[str], Backend] = connect,
    ) -> None:
        self._backends: dict[str, Backend] = {}
        self._told: dict[str, Capabilities] = {}
        self._frames, self._connect = frames, connect
        for backend in (backends or {}).values():
            self._add(backend)

    def backend(self, name: str) -> Backend:
        """The backend of that name; a sentence when there is none."""
        return self._backends[name] if name in self._backends else self._add(self._connect(name))

    def forget(self, name: str) -> None:
        """Whoever names it next connects it anew."""
        self._backends.pop(name, None)
        self._told.pop(name, None)

    def told(self, name: str) -> Capabilities:
        """What it can do."""
        if name not in self._told:
            self._told[name] = self.backend(name).probe()
        return self._told[name]

    def offer(self, name: str, extra: Offer | None = None) -> Offer:
        """The choices that the axes of a sweep on this backend have."""
        capabilities = self.told(name)
        lists = {
            **{
                name: capabilities.choices(knob) for name, knob in KNOBS.items() if not knob.several
            },
            "backend": tuple({**kinds(), **self._backends}),
            "preset": tuple(f"{scheduler} {steps}" for scheduler, steps in PRESETS),
        }
        listed = {axis: choices for axis, choices in lists.items() if choices is not None}
        named = tuple(capabilities.scheduler_aliases)
        aliases = {name: named for name, knob in KNOBS.items() if knob.choices == "schedulers"}
        extra = extra or Offer()
        return replace(
            extra, choices={**listed, **extra.choices}, aliases=aliases, labels=self._labels()
        )

    def _labels(self) -> dict[str, str]:
        """What its backends are called: a visitor's server by its kind, not as that visitor's."""
        listed = {name: kind.label for name, kind in kinds().items()}
        at_hand = {name: backend.label for name, backend in self._backends.items()}
        return {
            name: label_of(name) if is_connected(name) else label
            for name, label in {**listed, **at_hand}.items()
        }

    def facts(
        self,
        name: str,
        library: Library,
        speeds: Speeds,
        *,
        owner: str = "",
        extra: Offer | None = None,
    ) -> Facts:
        """Everything that a plan asks of the world, for a sweep that starts from this backend."""

        def in_library(setups: Sequence[Setup]) -> set[int]:
            recipes = [self.recipe(setup) for setup in setups]
            ready = library.made_of(recipes, owner)
            if self._frames:  # a picture kept without them is made again
                ready = {
                    key for key in ready if (kept := library.by_key(key, owner)) and kept.has_frames
                }
            # A repeat is there to be timed: a picture from the library says nothing.
            return {
                at
                for at, recipe in enumerate(recipes)
                if recipe.key in ready and not setups[at].repeat
            }

        def seconds(name: str, planned: list[Params]) -> tuple[float, float] | None:
            return speeds.seconds(name, planned, self.told(name).at_once)

        def price(name: str) -> float | None:
            return self.told(name).price

        return Facts(self.offer(name, extra), self.check, in_library, seconds, price)

    def recipe(self, setup: Setup) -> Recipe:
        """What the library finds this cell's picture by."""
        backend = self.backend(setup.backend)
        return Recipe(setup.params, backend.name, backend.model_version(setup.params))

    def check(self, setup: Setup) -> Iterable[str]:
        """Refuse what this backend has not; tell what will have no effect, and that it does not
        answer."""
        capabilities, params, label = (
            self.told(setup.backend),
            setup.params,
            self.backend(setup.backend).label,
        )
        if capabilities.scheduler(params.scheduler) is None:
            raise BadParams(
                f"{label} has no scheduler {params.scheduler!r}. It has: "
                f"{capabilities.nearest_schedulers(params.scheduler)}."
            )
        for sentence in capabilities.missing(params):
            raise BadParams(sentence)
        if (
            params.model
            and capabilities.models
            and not any(params.model in model for model in capabilities.models)
        ):
            raise BadParams(
                f"{label} has no model {params.model!r}. It has: {', '.join(capabilities.models)}."
            )
        if capabilities.offers("size"):
            _check_size(capabilities, params, label)
        if capabilities.status in ("down", "unauthorised"):
            yield capabilities.message or f"{label} does not answer."
        yield from capabilities.unused(params)

    def _add(self, backend: Backend) -> Backend:
        backend.keep_frames = self._frames
        backend.previews = False
        return self._backends.setdefault(backend.name, backend)


def _check_size(capabilities: Capabilities, params: Params, label: str) -> None:
    low, high = capabilities.size_limits
    for side, value in (("Width", params.width), ("Height", params.height)):
        if not low <= value <= high or value % capabilities.size_step:
            raise BadParams(
                f"{side} must be a multiple of {capabilities.size_step} from {low} to {high} for "
                f"{label}, not {value}."
            )
