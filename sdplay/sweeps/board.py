"""The sweeps of one server: how many may be at work, and which of those that ended are
remembered."""

import threading

from sdplay.compare.plan import MOST_CELLS
from sdplay.errors import BadParams
from sdplay.sharing.room import Room, Share
from sdplay.sweeps.run import Sweep
from sdplay.wording import many

AT_WORK = Room(browser=12, address=48, everybody=200)
"""Sweeps: each has a thread."""
CELLS = Room(browser=MOST_CELLS, address=2 * MOST_CELLS, everybody=5 * MOST_CELLS)
"""Pictures that sweeps at work have still to make."""
REMEMBERED = 12
"""Of one browser."""
CELLS_REMEMBERED = MOST_CELLS
"""Of one browser, in sweeps that ended and the newest."""
CELLS_OF_ALL = 10 * MOST_CELLS


class Board:
    """Every browser's sweeps, the newest last; closing the tab loses none."""

    def __init__(self) -> None:
        self._sweeps: list[Sweep] = []
        self._lock = threading.Lock()

    def of(self, owner: str) -> list[Sweep]:
        """This browser's, the newest last."""
        with self._lock:
            return [sweep for sweep in self._sweeps if sweep.owner == owner]

    def check(self, share: Share, instead: Sweep | None = None) -> None:
        """Refuse one more sweep of so many cells where that would be too much; `instead` gives way
        to it."""
        with self._lock:
            open_sweeps = [
                sweep for sweep in self._sweeps if sweep.to_make and sweep is not instead
            ]
        shares = [Share(sweep.owner, sweep.address) for sweep in open_sweeps]
        full = AT_WORK.reached(Share(share.owner, share.address), shares)
        if full:
            raise BadParams(_sentence(full.who, many(full.size, "sweep"), full.size, "at work"))
        shares = [Share(sweep.owner, sweep.address, sweep.to_make) for sweep in open_sweeps]
        full = CELLS.reached(share, shares)
        if full:
            pictures = many(full.size, "picture")
            raise BadParams(_sentence(full.who, pictures, full.size, "waiting in sweeps"))

    def add(self, sweep: Sweep) -> Sweep:
        """Remember it, and forget the oldest that ended where there are too many."""
        with self._lock:
            self._sweeps.append(sweep)
            mine = [candidate for candidate in self._sweeps if candidate.owner == sweep.owner]
            self._forget(mine, REMEMBERED, CELLS_REMEMBERED)
            self._forget(self._sweeps, len(self._sweeps), CELLS_OF_ALL)
        return sweep

    def remove(self, sweep: Sweep) -> None:
        """Forget one."""
        with self._lock:
            self._sweeps = [candidate for candidate in self._sweeps if candidate is not sweep]

    def _forget(self, sweeps: list[Sweep], most: int, cells: int) -> None:
        """Those that ended, beyond so many sweeps or cells; never the newest."""
        total, gone = 0, set()
        for number, sweep in enumerate(reversed(sweeps)):
            total += len(sweep.plan.cells)
            if number and not sweep.to_make and (number >= most or total > cells):
                gone.add(sweep.group)
        self._sweeps = [sweep for sweep in self._sweeps if sweep.group not in gone]


def _sentence(who: str, amount: str, count: int, where: str) -> str:
    are = "is" if count == 1 else "are"
    if who == "browser":
        return (
            f"{amount} of yours {are} {where} already, and this would be more than one browser may "
            "have. Wait for some, or cancel one."
        )
    whose = "from your network address" if who == "address" else "of everybody"
    return (
        f"{amount} {whose} {are} {where} already, and this would be more than this server takes. "
        "Try again in a while, or with fewer values."
    )
