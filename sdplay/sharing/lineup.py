"""The queue as a list for the page: whose pictures they are, what they are, and when their turn
is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MOST = 6
"""Entries that are listed, of one's own and of others."""


class Queued(Protocol):
    """What a job has to say of itself to stand in the list."""

    id: str
    owner: str
    group: str
    state: str

    @property
    def idle(self) -> bool:
        """Nobody waits for it."""


J = TypeVar("J", bound=Queued)
J_co = TypeVar("J_co", bound=Queued, covariant=True)


class Lines(Protocol[J_co]):
    """What the jobs of a server have to say to be listed."""

    def lines(self) -> Mapping[str, Sequence[J_co]]:
        """By backend those at work, then those that wait in the order of their turns."""

    def paused(self, group: str) -> bool: ...


@dataclass(frozen=True)
class QueueEntry(Generic[J]):
    """One line of the list: the pictures of one click or of one comparison."""

    jobs: tuple[J, ...]
    """The next one first."""
    mine: bool
    position: int
    """0 at work; else as which its next picture begins at its backend."""
    paused: bool = False

    @property
    def key(self) -> str:
        """Names the entry for as long as it is in the queue."""
        return self.jobs[0].group or self.jobs[0].id

    @property
    def is_comparison(self) -> bool:
        return self.jobs[0].group.startswith("sweep-")


@dataclass(frozen=True)
class Lineup(Generic[J]):
    """The lines of the list, and how many pictures stand behind them, one's own and those of
    others."""

    entries: tuple[QueueEntry[J], ...]
    further_mine: int = 0
    further: int = 0

    @property
    def pictures(self) -> int:
        """How many pictures there are, those without a line of their own included."""
        return _pictures(self.entries) + self.further_mine + self.further

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(entry.key for entry in self.entries)


def lineup(jobs: Lines[J], owner: str, is_private: Callable[[str], bool]) -> Lineup[J]:
    """The queue as this browser may see it, in the order of the turns.

    What others make with servers of their own (`private`) is hidden, and holds nobody up.  Pictures
    that nobody waits for stand in no queue."""
    lines = [
        [job for job in line if not job.idle and (job.owner == owner or not is_private(name))]
        for name, line in jobs.lines().items()
    ]
    entries = sorted(_grouped(jobs, lines, owner), key=lambda entry: (entry.paused, entry.position))
    mine = [entry for entry in entries if entry.mine]
    others = [entry for entry in entries if not entry.mine]
    left_out = {entry.key for entry in (*mine[MOST:], *others[MOST:])}
    listed = tuple(entry for entry in entries if entry.key not in left_out)
    return Lineup(listed, _pictures(mine[MOST:]), _pictures(others[MOST:]))


def _pictures(entries: Sequence[QueueEntry[J]]) -> int:
    return sum(len(entry.jobs) for entry in entries)


def _grouped(jobs: Lines[J], lines: Sequence[Sequence[J]], owner: str) -> list[QueueEntry[J]]:
    groups: dict[tuple[str, str], list[J]] = {}
    positions: dict[str, int] = {}
    for line in lines:
        for position, job in _numbered(line):
            groups.setdefault((job.owner, job.group or job.id), []).append(job)
            positions[job.id] = position
    return [
        QueueEntry(
            tuple(members),
            members[0].owner == owner,
            positions[members[0].id],
            all(jobs.paused(job.group) and job.state == "queued" for job in members),
        )
        for members in groups.values()
    ]


def _numbered(line: Sequence[J]) -> list[tuple[int, J]]:
    """Each entry with its place in the queue; those at work have place 0."""
    working = sum(job.state == "running" for job in line)
    return [
        (0 if job.state == "running" else max(1, at + 1 - working), job)
        for at, job in enumerate(line)
    ]
