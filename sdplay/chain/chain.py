"""A chain of stages: checked before its first picture, then followed picture by picture."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from sdplay.backends import Backend, Capabilities
from sdplay.chain.stages import STAGES, Before, ChainStage, Workshop, enlargement, repainted
from sdplay.errors import BadParams
from sdplay.library import SavedPicture
from sdplay.params import Params
from sdplay.picture import Progress

FIRST, LAST = "base", "cut-outs"
CHAIN_TAG = "chain-"
"""How the tag of a chain's pictures begins."""


@dataclass(frozen=True)
class Chain:
    """A plan of stages, each beginning with what the one before it made."""

    stages: tuple[ChainStage, ...]
    name: str = "chain"
    backend: str = ""

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if names[:1] != [FIRST] or FIRST in names[1:]:
            raise BadParams("A chain begins with the stage base, and has one of it.")
        if LAST in names[:-1]:
            raise BadParams(
                "Nothing can follow cut-outs, which gives several pictures. Put it last."
            )

    @property
    def tag(self) -> str:
        """Finds its pictures in the library."""
        return f"{CHAIN_TAG}{self.name}"


@dataclass(frozen=True)
class StagePicture:
    """A picture of the chain."""

    at: int
    """The number of its stage, from 0."""
    saved: SavedPicture
    source: SavedPicture | None = None
    """The picture of the stage before."""


def check(chain: Chain, backend: Backend, capabilities: Capabilities) -> None:
    """Refuses a chain that this backend cannot make, before its first picture."""
    before = Before(base(chain, capabilities))
    for stage in chain.stages:
        kind = STAGES[stage.name]
        if not capabilities.offers(kind.need):
            raise BadParams(
                f"{backend.label} cannot do the stage {stage.name}. Take it out, or choose another "
                "backend."
            )
        if stage.name == "upscale":
            _check_upscaler(stage, capabilities)
        elif stage.name == "img2img":
            before = Before(repainted(stage, before))
        elif kind.own is None:
            before = Before(before.params.with_(**stage.settings))


def _check_upscaler(stage: ChainStage, capabilities: Capabilities) -> None:
    upscaler, there = enlargement(stage).upscaler, capabilities.upscalers
    if there is not None and upscaler not in there:
        raise BadParams(
            f"There is no upscaler called {upscaler!r}. There are: {', '.join(there) or 'none'}."
        )


def base(chain: Chain, capabilities: Capabilities) -> Params:
    """The settings of the first stage, over the backend's own."""
    return Params(**{**capabilities.defaults, **chain.stages[0].settings})


def follow(
    chain: Chain, params: Params, workshop: Workshop
) -> Generator[tuple[int, Progress] | StagePicture, None, None]:
    """Yields progress with its stage, and every picture when it is made.

    What is in the library is not made again, so that following it twice goes on where it stopped.
    Stop iterating and the backend stops too.
    """
    before = Before(params)
    for at, stage in enumerate(chain.stages):
        picture: SavedPicture | None = None
        for event in STAGES[stage.name].act(stage, before, workshop):
            if isinstance(event, Progress):
                yield at, event
                continue
            picture = _tagged(event, chain, workshop)
            yield StagePicture(at, picture, before.picture)
        if picture:
            before = Before(picture.params, picture)


def _tagged(picture: SavedPicture, chain: Chain, workshop: Workshop) -> SavedPicture:
    if chain.tag in picture.tags:
        return picture
    tags = [*picture.tags, chain.tag]
    return workshop.library.update(picture, workshop.owner, tags=tags)


def record(chain: Chain, links: Mapping[str, StagePicture]) -> list[dict[str, str]]:
    """As plain JSON values: every file, its stage, and the file that it was made from."""
    files = {link.saved.id: name for name, link in links.items()}
    return [
        {
            "file": name,
            "stage": chain.stages[link.at].name,
            "picture": link.saved.id,
            "made_from": files[link.source.id] if link.source else "",
        }
        for name, link in links.items()
    ]
