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
REMEMBERED = 1000
"""Owners; of more, those who were served longest ago are forgotten."""


@dataclass(frozen=True)
class Claim:
    """Who asks, and for what."""

    owner: str
    single: bool = True
    """A person waits for just this picture; a sweep's cell is none."""
    size: float = 1.0
    """How much of a turn it takes."""


class Turns:
    """How far each owner has been served."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}
        self._last: dict[str, int] = {}
        self._now, self._count = 0.0, 0

    def order(self, waiting: Sequence[T], claim: Callable[[T], Claim]) -> list[T]:
        """These in the order of their turns; given in the order in which they came."""
        claims = list(map(claim, waiting))
        mine: dict[str, deque[int]] = {}
        for at in sorted(range(len(claims)), key=lambda at: not claims[at].single):
            mine.setdefault(claims[at].owner, deque()).append(at)
        heap = [
            (self._place(owner), self._last.get(owner, 0), not claims[own[0]].single, own[0])
            for owner, own in mine.items()
        ]
        heapq.heapify(heap)
        order: list[T] = []
        while heap:
            place, _, _, at = heapq.heappop(heap)
            order.append(waiting[at])
            own = mine[claims[at].owner]
            own.popleft()
            if own:
                last = self._count + len(order)
                then = place + claims[at].size, last, not claims[own[0]].single, own[0]
                heapq.heappush(heap, then)
        return order

    def serve(self, claim: Claim) -> None:
        """This one has its turn now."""
        self._now = self._place(claim.owner)
        self._count += 1
        self._served[claim.owner] = self._now + claim.size
        self._last[claim.owner] = self._count
        if len(self._served) > REMEMBERED:
            self._forget()

    def _place(self, owner: str) -> float:
        return max(self._served.get(owner, 0.0), self._now)

    def _forget(self) -> None:
        """Who was served longest ago: it costs the others a turn at most."""
        names = sorted(self._last, key=self._last.__getitem__)[: REMEMBERED // 2]
        for name in names:
            del self._served[name], self._last[name]


def for_sweeps(places: int) -> int:
    """Of so many places those that sweeps may fill: an eighth is left to single pictures."""
    return max(1, places - places // 8)
