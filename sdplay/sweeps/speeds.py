"""How fast whole sweeps went: what a sweep needs beside its pictures' own time is in there too."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from sdplay import work
from sdplay.files.whole_file import write_whole
from sdplay.library.estimates import Estimates, Range, likely
from sdplay.params import Params

KEEP = 20


class Speeds:
    """Seconds per work of past sweeps in a small file, and the estimates of single pictures where
    there were none."""

    def __init__(self, file: Path, estimates: Estimates) -> None:
        self.file, self.estimates = file, estimates

    def seconds(self, backend: str, planned: Sequence[Params], at_once: int = 1) -> Range | None:
        """The likely least and most for a sweep of these pictures; None without a past run."""
        rates = self._read().get(backend, [])
        if not rates or not all(map(work.is_counted, planned)):
            return self.estimates.seconds(backend, planned, at_once)
        low, high = likely(rates)
        amount = work.total(planned)
        return low * amount, high * amount

    def learn(self, backend: str, amount: float, seconds: float) -> None:
        """Remember a sweep: so much work was done in this time."""
        if amount <= 0 or seconds <= 0:
            return
        rates = self._read()
        rates[backend] = [*rates.get(backend, []), seconds / amount][-KEEP:]
        with contextlib.suppress(OSError):  # a full disk costs an estimate, not the sweep's end
            write_whole(self.file, json.dumps(rates).encode())

    def _read(self) -> dict[str, list[float]]:
        """The rates of past sweeps by backend; an unreadable file counts as none."""
        try:
            rates = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return {
            name: list(map(float, some)) for name, some in rates.items() if isinstance(some, list)
        }
