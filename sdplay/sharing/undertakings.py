"""Long work that a visitor starts, like a film or a chain. It goes on when the page is closed; each
browser has one of a kind, and the server takes a limited number."""

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
"""What a visitor is told, by whose limit is reached."""


class Undertaking(ABC):
    """One piece of long work in a thread of its own. What it has made stays in the library, so that
    starting it again makes only the rest."""

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
        """Whether everything is made."""

    @abstractmethod
    def _work(self) -> None:
        """Works until everything is made or it is stopped."""

    def start(self) -> Self:
        """Starts or continues the work. What is made already is not made again."""
        if self.running or self.done:
            return self
        self.trouble = ""
        self.stopped.clear()
        self._ended.clear()
        threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return self

    def cancel(self) -> None:
        """Stops the work. What is made stays."""
        self.stopped.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until the work has ended. Returns False if the time was too short."""
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
    """The newest undertaking of one kind of each browser. Closing a tab loses none."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._undertakings: dict[str, E] = {}
        self._lock = threading.Lock()

    def of(self, owner: str) -> E | None:
        """The undertaking of this browser, at work or ended, if there is one."""
        return self._undertakings.get(owner)

    def begin(self, undertaking: E) -> None:
        """Starts or continues an undertaking in place of the browser's last one. Refuses if there
        is no room."""
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
        """Stops and removes this browser's undertaking, or only one of this backend, so that it no
        longer holds the key of a server that the visitor leaves."""
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
