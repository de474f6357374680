"""How fast whole sweeps went: with shared batches a picture's own seconds do not add up to the
sweep's."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from sdplay.compare.plan import evaluations
from sdplay.jobs import Estimates
from sdplay.params import Params

KEEP = 20


class Speeds:
    """Seconds per work of past sweeps in a small file, and the estimates of single pictures where
    there were none."""

    def __init__(self, file: Path, estimates: Estimates) -> None:
        self.file, self.estimates = file, estimates

    def seconds(
        self, backend: str, planned: list[Params], at_once: int = 1
    ) -> tuple[float, float] | None:
        """The likely least and most for a sweep of these pictures; None without a past run."""
        rates = self._read().get(backend, [])
        if rates:
            middle, work = statistics.median(rates), work_of(planned)
            spread = max(0.1 * middle, 2 * statistics.median(abs(rate - middle) for rate in rates))
            return max(0.0, middle - spread) * work, (middle + spread) * work
        known = self.estimates.seconds(backend, planned)
        if known is None or not planned:
            return known
        # A past picture's time may be one of several that shared their batches: between all alone
        # and all shared.
        return known[0] / min(at_once, len(planned)), known[1]

    def learn(self, backend: str, made: Sequence[Params], seconds: float) -> None:
        """Remember a sweep: these pictures were made in this time."""
        work = work_of(made)
        if not work or seconds <= 0:
            return
        told = self._read()
        told[backend] = [*told.get(backend, []), seconds / work][-KEEP:]
        beside = self.file.with_suffix(".new")
        beside.write_text(json.dumps(told))
        beside.replace(self.file)

    def _read(self) -> dict[str, list[float]]:
        """What is known; an unreadable file counts as nothing known."""
        try:
            told = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return {
            name: list(map(float, rates)) for name, rates in told.items() if isinstance(rates, list)
        }


def work_of(planned: Sequence[Params]) -> float:
    """Model evaluations times megapixels: what the time grows with."""
    return sum(evaluations(params) * params.width * params.height for params in planned) / 1e6
