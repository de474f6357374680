"""The films of one server: one of each browser, and not too many at work."""

import threading

from sdplay.errors import BadParams
from sdplay.film.shooting import Shooting
from sdplay.sharing.room import Room, Share

AT_WORK = Room(browser=1, address=4, everybody=24)
"""Films: each has a thread."""
REMEMBERED = 200
SENTENCES = {
    "browser": "A film of yours is at work already. Wait for it, or cancel it.",
    "address": "Four films from your network address are at work already. Try again in a while.",
    "everybody": "Many films are at work already, as many as this server takes. Try again in a "
    "while.",
}
"""By whose limit is reached."""


class Films:
    """Every browser's newest film; closing the tab loses none."""

    def __init__(self) -> None:
        self._films: dict[str, Shooting] = {}
        self._lock = threading.Lock()

    def of(self, owner: str) -> Shooting | None:
        """This browser's film, at work or ended."""
        return self._films.get(owner)

    def forget(self, owner: str, backend: str) -> None:
        """A server is left: the film that it makes stops, and holds its key no longer."""
        with self._lock:
            film = self._films.get(owner)
            if film and film.crew.backend.name == backend:
                film.cancel()
                del self._films[owner]

    def begin(self, film: Shooting) -> None:
        """Start it in the place of the one before, or go on with it; refuses where there is no
        room."""
        crew = film.crew
        with self._lock:
            at_work = [each.crew for each in self._films.values() if each.running]
            shares = [Share(each.owner, each.address) for each in at_work]
            if full := AT_WORK.reached(Share(crew.owner, crew.address), shares):
                raise BadParams(SENTENCES[full.who])
            self._films.pop(crew.owner, None)
            self._films[crew.owner] = film.start()
            self._forget()

    def _forget(self) -> None:
        """The oldest that ended, beyond so many."""
        ended = [owner for owner, film in self._films.items() if not film.running]
        for owner in ended[: max(0, len(self._films) - REMEMBERED)]:
            del self._films[owner]
