"""Who looks at painted pictures: the judge, and for styles the drawings themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from sdplay.training.judging.judge import Judge, Sighting, sightings
from sdplay.training.judging.likeness import cut_out, ground_of, style_of
from sdplay.training.pictures.colours import natural, nearest
from sdplay.training.pictures.scenes import Figure, Scene
from sdplay.training.pictures.world import World


@dataclass(frozen=True)
class Eyes:
    """What can be said of one picture."""

    judge: Judge
    world: World

    def sightings(self, picture: Image.Image) -> list[Sighting]:
        """The things in it, the surest first."""
        seen: list[Sighting] = sightings(self.judge, [picture])[0]
        return seen

    def style(self, picture: Image.Image, scene: Scene) -> str:
        """The style of the scene's lone thing."""
        return style_of(picture, scene, self.world)

    def colour(self, picture: Image.Image) -> str:
        """The colour that its thing clearly has, or nothing."""
        return natural(cut_out(picture))

    def ground(self, picture: Image.Image) -> str:
        """The colour of its ground."""
        return nearest(ground_of(picture))


def there(figure: Figure, seen: Sequence[Sighting]) -> bool:
    """Whether a figure is among what is seen."""
    return any(sighting.things[0] == figure.thing.word for sighting in seen)
