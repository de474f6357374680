"""The films of one server."""

from sdplay.film.shooting import Shooting
from sdplay.sharing.undertakings import Undertakings


class Films(Undertakings[Shooting]):
    """The newest film of each browser."""

    def __init__(self) -> None:
        super().__init__("film")
