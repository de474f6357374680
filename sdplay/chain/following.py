"""Chains at work: a thread for each, so that no page needs to stay open."""

from contextlib import closing
from typing import Self

from sdplay.chain.chain import Chain, StagePicture, follow
from sdplay.chain.queued import QueuedWorkshop
from sdplay.errors import Cancelled
from sdplay.params import Params
from sdplay.picture import Progress
from sdplay.sharing.room import Share
from sdplay.sharing.undertakings import Undertaking, Undertakings


class Following(Undertaking):
    """One chain at work."""

    def __init__(self, chain: Chain, params: Params, workshop: QueuedWorkshop) -> None:
        share = Share(workshop.owner, workshop.address)
        super().__init__(f"chain-{chain.name}", share, workshop.backend.name)
        self.chain, self.params, self.workshop = chain, params, workshop
        self.stopped = workshop.stopped
        self.pictures: list[StagePicture] = []
        """The pictures that are made so far, in the order of their stages."""
        self._at, self._progress, self._is_done = 0, Progress(), False

    @property
    def done(self) -> bool:
        """Whether the last stage has ended."""
        return self._is_done

    @property
    def fraction(self) -> float:
        """The share of the stages that is done. The stage at work counts in part."""
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

    def start(self) -> Self:
        """Starts or continues the chain. What the library has is not made again."""
        if not self.running and not self.done:
            self.pictures = []
        return super().start()

    def _work(self) -> None:
        with closing(follow(self.chain, self.params, self.workshop)) as steps:
            for step in steps:
                self._take(step)
        self._is_done = True

    def _take(self, step: tuple[int, Progress] | StagePicture) -> None:
        if isinstance(step, StagePicture):
            self.pictures.append(step)
            self._at, self._progress = step.at, Progress(1.0)
        else:
            self._at, self._progress = step
        if self.stopped.is_set():
            raise Cancelled("The chain was stopped.")


class Chains(Undertakings[Following]):
    """The newest chain of each browser."""

    def __init__(self) -> None:
        super().__init__("chain")
