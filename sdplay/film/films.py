"""The films of one server."""

from sdplay.film.shooting import Shooting
from sdplay.sharing.undertakings import Undertakings


class Films(Undertakings[Shooting]):
    """Every browser's newest film."""

    def __init__(self) -> None:
        super().__init__("film")
