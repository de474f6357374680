"""Whose turn it is: one rule of fairness for jobs, the local process's queue and the engine.

Owners take turns, the longest unserved first.  Among one owner's pictures single ones go before a
sweep's cells, else the order in which they came stays.  An owner who comes anew stands where the
others are: no debt and no credit from the time before.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
BATCH = "batch-"
"""How the group of pictures begins that one click asked for."""
REMEMBERED = 1000
"""Owners with nothing waiting; of more, all are forgotten."""


@dataclass(frozen=True)
class Claim:
    """Who asks for a turn, and what for."""

    owner: str
    single: bool = True
    """A person waits for just this picture; a sweep's cell is none."""
    size: float = 1.0
    """How much of a turn it takes."""


class Turns:
    """Remembers how far each owner has been served.

    A turn moves its owner on by its size.  It moves the level, on which newcomers begin, by a part
    of that: so a crowd of newcomers passes those who wait once, and then no more.  The part is the
    smaller the more owners there are, also those who were served and come again: otherwise the
    level would overtake who is a moment away, as everybody is who looks at a picture."""

    def __init__(self) -> None:
        self._level, self._count = 0.0, 0
        self._reached: dict[str, float] = {}
        self._since: dict[str, int] = {}
        """When each owner was served last or came, in turns."""
        self._present: set[str] = set()
        self._again: set[str] = set()
        """Owners who came again after a turn."""
        self._around = 1
        """Owners who wait, or came again and are not behind the level."""

    def order(self, waiting: Sequence[T], claim: Callable[[T], Claim]) -> list[T]:
        """These claims in the order of their turns; they must be given in the order in which they
        came."""
        claims = list(map(claim, waiting))
        mine: dict[str, deque[int]] = {}
        for at in sorted(range(len(claims)), key=lambda at: not claims[at].single):
            mine.setdefault(claims[at].owner, deque()).append(at)
        self._welcome(set(mine))
        heap = [(self._place(owner), self._since[owner], queue[0]) for owner, queue in mine.items()]
        heapq.heapify(heap)
        order: list[T] = []
        while heap:
            turn, _, at = heapq.heappop(heap)
            order.append(waiting[at])
            queue = mine[claims[at].owner]
            queue.popleft()
            if queue:
                then = turn + claims[at].size
                heapq.heappush(heap, (then, self._count + len(order), queue[0]))
        return order

    def serve(self, claim: Claim) -> None:
        """Count a turn for the owner of this claim."""
        turn = self._place(claim.owner)
        if claim.owner in self._reached:
            self._again.add(claim.owner)
        self._count += 1
        self._reached[claim.owner] = turn + claim.size
        self._since[claim.owner] = self._count
        self._level = max(turn, self._level + claim.size / (self._around + 1))

    def _place(self, owner: str) -> float:
        return max(self._reached.get(owner, 0.0), self._level)

    def _welcome(self, present: set[str]) -> None:
        """Note when an owner came anew, and forget those who have left once there are many."""
        for owner in present - self._present:
            self._since[owner] = max(self._since.get(owner, 0), self._count)
        self._present = present
        near = {name for name in self._again if self._reached[name] > self._level}
        self._around = max(1, len(near | present))
        if len(self._since) > REMEMBERED + len(present):
            self._reached = {name: at for name, at in self._reached.items() if name in present}
            self._since = {name: at for name, at in self._since.items() if name in present}
            self._again &= self._reached.keys()


def for_sweeps(places: int) -> int:
    """How many of these places sweeps may fill: an eighth is left to single pictures."""
    return max(1, places - places // 8)


def fits(claim: Claim, working: Sequence[Claim], places: int) -> bool:
    """Whether this claim may begin beside those at work.

    Sweeps may not keep newcomers out, however long their cells take: where there is more than one
    place, a single picture and the first cell of another owner get a place beyond the usual
    ones."""
    cells = [neighbour for neighbour in working if not neighbour.single]
    singles = len(working) - len(cells)
    if claim.single:
        return len(working) < places or singles < _for_singles(places)
    newcomer = all(neighbour.owner != claim.owner for neighbour in cells)
    beyond = int(newcomer and places > 1)
    counted = len(working) - beyond * min(singles, _for_singles(places))
    return len(cells) < for_sweeps(places) + beyond and counted < places + beyond


def most_workers(places: int) -> int:
    """The largest number that may be at work, the places beyond the usual ones included."""
    return places + _for_singles(places) + int(places > 1)


def _for_singles(places: int) -> int:
    """How many places single pictures have that no sweep can take."""
    return max(int(places > 1), places // 8)
