"""Chains at work: a thread for each, so that no page needs to stay open."""

import threading
from contextlib import closing

from sdplay.chain.chain import Chain, StagePicture, follow
from sdplay.chain.queued import QueuedWorkshop
from sdplay.errors import OUR_FAULT, BadParams, Cancelled, PlayError
from sdplay.params import Params
from sdplay.picture import Progress
from sdplay.sharing.room import Room, Share

AT_WORK = Room(browser=1, address=4, everybody=24)
"""Chains: each has a thread."""
REMEMBERED = 200
SENTENCES = {
    "browser": "A chain of yours is at work already. Wait for it, or cancel it.",
    "address": "Four chains from your network address are at work already. Try again in a while.",
    "everybody": "Many chains are at work already, as many as this server takes. Try again in a "
    "while.",
}
"""By whose limit is reached."""


class Following:
    """One chain on its way.  Every picture stays in the library, so starting again goes on."""

    def __init__(self, chain: Chain, params: Params, workshop: QueuedWorkshop) -> None:
        self.chain, self.params, self.workshop = chain, params, workshop
        self.pictures: list[StagePicture] = []
        """What is there, in the order of its stages."""
        self.trouble = ""
        """Why it stopped by itself."""
        self.done = False
        """Whether the last stage has ended."""
        self._at, self._progress = 0, Progress()
        self._ended = threading.Event()
        self._ended.set()

    def start(self) -> "Following":
        """Begin, or go on: what the library has is not made again."""
        if not self.running and not self.done:
            self.pictures, self.trouble = [], ""
            self.workshop.stopped.clear()
            self._ended.clear()
            name = f"chain-{self.chain.name}"
            threading.Thread(target=self._run, name=name, daemon=True).start()
        return self

    def cancel(self) -> None:
        """Stop; the pictures that are there stay."""
        self.workshop.stopped.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended; False when the time was too short."""
        return self._ended.wait(seconds)

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    @property
    def fraction(self) -> float:
        """The share of the stages that is done, the one at work counted as far as it is."""
        if self.done:
            return 1.0
        return min(1.0, (self._at + (self._progress.fraction or 0.0)) / len(self.chain.stages))

    @property
    def standing(self) -> str:
        """How far it is, in words for people."""
        stages = self.chain.stages
        if self.done:
            return f"{self.chain.name}: all {len(stages)} stages are done"
        stage = f"stage {self._at + 1} of {len(stages)}, {stages[self._at].name}"
        message = f" · {self._progress.message}" if self._progress.message else ""
        return f"{self.chain.name}: {stage}{message}"

    def _run(self) -> None:
        trouble = OUR_FAULT  # a fault of whatever kind goes on to the log; what is made stays
        try:
            with closing(follow(self.chain, self.params, self.workshop)) as steps:
                for step in steps:
                    self._take(step)
            self.done, trouble = True, ""
        except Cancelled:
            trouble = ""
        except PlayError as error:
            trouble = str(error)
        finally:
            self.trouble = trouble
            self._ended.set()

    def _take(self, step: tuple[int, Progress] | StagePicture) -> None:
        if isinstance(step, StagePicture):
            self.pictures.append(step)
            self._at, self._progress = step.at, Progress(1.0)
        else:
            self._at, self._progress = step
        if self.workshop.stopped.is_set():
            raise Cancelled("The chain was stopped.")


class Chains:
    """Every browser's newest chain; closing the tab loses none."""

    def __init__(self) -> None:
        self._chains: dict[str, Following] = {}
        self._lock = threading.Lock()

    def of(self, owner: str) -> Following | None:
        """This browser's chain, at work or ended."""
        return self._chains.get(owner)

    def begin(self, following: Following) -> None:
        """Start it in the place of the one before, or go on with it; refuses where there is no
        room."""
        workshop = following.workshop
        with self._lock:
            at_work = [each.workshop for each in self._chains.values() if each.running]
            shares = [Share(each.owner, each.address) for each in at_work]
            if full := AT_WORK.reached(Share(workshop.owner, workshop.address), shares):
                raise BadParams(SENTENCES[full.who])
            self._chains.pop(workshop.owner, None)
            self._chains[workshop.owner] = following.start()
            ended = [owner for owner, chain in self._chains.items() if not chain.running]
            for owner in ended[: max(0, len(self._chains) - REMEMBERED)]:
                del self._chains[owner]

    def forget(self, owner: str, backend: str = "") -> None:
        """Put it away, or stop it where the server that makes it is left."""
        with self._lock:
            chain = self._chains.get(owner)
            if chain and backend in ("", chain.workshop.backend.name):
                chain.cancel()
                del self._chains[owner]
