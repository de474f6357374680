"""Long work that a visitor began: a thread of its own, so that no page needs to stay open; one of a
kind for each browser, and not too many for the server."""

import threading
from abc import ABC, abstractmethod
from typing import Generic, Self, TypeVar

from sdplay.errors import OUR_FAULT, BadParams, Cancelled, PlayError
from sdplay.sharing.room import Room, Share

AT_WORK = Room(browser=1, address=4, everybody=24)
"""Undertakings of one kind: each has a thread."""
REMEMBERED = 200
SENTENCES = {
    "browser": "A {kind} of yours is at work already. Wait for it, or cancel it.",
    "address": "Four {kind}s from your network address are at work already. Try again in a while.",
    "everybody": "Many {kind}s are at work already, as many as this server takes. Try again in a "
    "while.",
}
"""By whose limit is reached."""


class Undertaking(ABC):
    """One piece of long work.  What it made stays in the library, so starting again goes on."""

    def __init__(self, name: str, share: Share, backend: str) -> None:
        self.share, self.backend_name = share, backend
        self.trouble = ""
        """Why it stopped by itself."""
        self.stopped, self._name = threading.Event(), name
        self._ended = threading.Event()
        self._ended.set()

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether all of it is there."""

    @abstractmethod
    def _work(self) -> None:
        """Do it, until it is done or stopped."""

    def start(self) -> Self:
        """Begin, or go on: what is there is not made again."""
        if self.running or self.done:
            return self
        self.trouble = ""
        self.stopped.clear()
        self._ended.clear()
        threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return self

    def cancel(self) -> None:
        """Stop; what is there stays."""
        self.stopped.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended; False when the time was too short."""
        # Not by joining the thread: Ctrl+C in the middle of that makes Python believe it has ended.
        return self._ended.wait(seconds)

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return not self._ended.is_set()

    def _run(self) -> None:
        trouble = OUR_FAULT  # a fault of whatever kind goes on to the log; what is made stays
        try:
            self._work()
            trouble = self.trouble
        except Cancelled:
            trouble = ""
        except PlayError as error:
            trouble = str(error)
        finally:
            self.trouble = trouble
            self._ended.set()


E = TypeVar("E", bound="Undertaking")


class Undertakings(Generic[E]):
    """Every browser's newest one of a kind; closing the tab loses none."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._undertakings: dict[str, E] = {}
        self._lock = threading.Lock()

    def of(self, owner: str) -> E | None:
        """This browser's, at work or ended."""
        return self._undertakings.get(owner)

    def begin(self, undertaking: E) -> None:
        """Start it in the place of the one before, or go on with it; refuses where there is no
        room."""
        owner = undertaking.share.owner
        with self._lock:
            shares = [other.share for other in self._undertakings.values() if other.running]
            if full := AT_WORK.reached(undertaking.share, shares):
                raise BadParams(SENTENCES[full.who].format(kind=self._kind))
            self._undertakings.pop(owner, None)
            self._undertakings[owner] = undertaking
            undertaking.start()
            self._forget_the_oldest()

    def forget(self, owner: str, backend: str = "") -> None:
        """Put it away, or stop it where the server that makes it is left: it holds that one's key
        no longer."""
        with self._lock:
            undertaking = self._undertakings.get(owner)
            if undertaking and backend in ("", undertaking.backend_name):
                undertaking.cancel()
                del self._undertakings[owner]

    def _forget_the_oldest(self) -> None:
        ended = [
            owner for owner, undertaking in self._undertakings.items() if not undertaking.running
        ]
        for owner in ended[: max(0, len(self._undertakings) - REMEMBERED)]:
            del self._undertakings[owner]
