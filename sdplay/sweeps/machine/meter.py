"""What the whole machine spends: processors, memory, graphics cards and energy, by the meters it
has."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from sdplay.compare.results import Load
from sdplay.sweeps.machine.cards import Cards

POWERCAP = Path("/sys/class/powercap")
TICK_SECONDS = 1.0
"""Cards tell their load of this moment only: it is asked for so often and averaged."""


class EnergyMeter(Protocol):
    """Something that counts joules."""

    name: str

    def joules(self) -> float:
        """The joules counted since some moment; the number never falls."""


class Meter:
    """Readings of the whole machine, each since the one before; `total` is since it was made."""

    def __init__(self, powercap: Path = POWERCAP, cards: Cards | None = None) -> None:
        self.cards = Cards.found() if cards is None else cards
        self.meters: Sequence[EnergyMeter] = [*_packages(powercap), *self.cards.energy_meters()]
        self.unreadable = _has_zones(powercap) and not list(_packages(powercap))
        self._process = psutil.Process()
        self._earliest = self._last = self._now()
        self._samples: list[tuple[float, float]] = []
        self._all_samples = _Mean()
        self._most_ram = self._most_card_ram = 0.0
        self._ticked = 0.0
        self.tick()

    def tick(self) -> None:
        """Call it now and then: takes a sample when it is time for one."""
        if time.monotonic() - self._ticked < TICK_SECONDS:
            return
        self._ticked = time.monotonic()
        self._most_ram = max(self._most_ram, psutil.virtual_memory().used / 1e6)
        for meter in self.meters:
            meter.joules()  # counters run over: they must be read before they do so twice
        if sample := self.cards.sample():
            self._samples.append(sample)
            self._all_samples.add(sample[0])
            self._most_card_ram = max(self._most_card_ram, sample[1])

    def reading(self, cells: int = 1) -> Load:
        """What was spent since the last reading; several cells that ended together share it."""
        self._ticked = 0.0
        self.tick()
        now = self._now()
        load = self._between(self._last, now, self._samples)
        self._last, self._samples = now, []
        return load.shared(cells)

    @property
    def total(self) -> Load:
        """Everything since the beginning; memory is the most there was."""
        load = self._between(self._earliest, self._now(), [])
        return Load(
            load.seconds,
            load.cpu_seconds,
            load.cpu_percent,
            self._most_ram,
            load.process_ram_mb,
            self._all_samples.mean,
            self._most_card_ram or None,
            load.energy_joules,
        )

    @property
    def about_energy(self) -> str:
        """Which meters there are, or why there is none."""
        if self.meters:
            return ", ".join(meter.name for meter in self.meters)
        if self.unreadable:
            return f"none that this user may read; {POWERCAP} asks for administrator rights"
        return "none on this machine"

    def _now(self) -> "_Counters":
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # A guest's time stands in the user's already.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        joules = [meter.joules() for meter in self.meters]
        return _Counters(
            time.monotonic(),
            sum(times) - idle - guests,
            sum(times) - guests,
            sum(joules) if joules else None,
        )

    def _between(
        self, then: "_Counters", now: "_Counters", samples: Sequence[tuple[float, float]]
    ) -> Load:
        cpu, whole = now.busy - then.busy, now.whole - then.whole
        energy = None
        if now.joules is not None and then.joules is not None:
            energy = now.joules - then.joules
        return Load(
            now.at - then.at,
            max(0.0, cpu),
            max(0.0, min(100.0, 100 * cpu / whole)) if whole > 0 else 0.0,
            psutil.virtual_memory().used / 1e6,
            self._process.memory_info().rss / 1e6,
            sum(busy for busy, _ in samples) / len(samples) if samples else None,
            max((used for _, used in samples), default=None),
            energy,
        )


def resources_sentence(meter: Meter) -> str:
    """What a run took of its machine, in one line."""
    total = meter.total
    parts = [
        f"processors {total.cpu_percent:.0f} % busy ({total.cpu_seconds:.1f} s)",
        f"memory {total.ram_mb:,.0f} MB at most",
    ]
    if total.gpu_percent is not None:
        parts.append(
            f"graphics cards {total.gpu_percent:.0f} % busy, {total.gpu_ram_mb or 0:,.0f} MB at "
            "most"
        )
    energy = total.energy_joules
    if energy is None:
        parts.append(f"energy meter: {meter.about_energy}")
    else:
        parts.append(f"{energy:,.0f} joules = {energy / 3600:.3g} Wh ({meter.about_energy})")
    return f"The whole machine in {total.seconds:.1f} s: {', '.join(parts)}."


@dataclass(frozen=True)
class _Counters:
    at: float
    busy: float
    whole: float
    joules: float | None


class _Mean:
    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        self._sum, self._count = self._sum + value, self._count + 1

    @property
    def mean(self) -> float | None:
        return self._sum / self._count if self._count else None


class _Package:
    """A processor's own counter (RAPL), which begins anew when it is full."""

    def __init__(self, zone: Path) -> None:
        self.name = f"processor {(zone / 'name').read_text().strip()}"
        self._file = zone / "energy_uj"
        self._room = int((zone / "max_energy_range_uj").read_text())
        self._last = self._read()
        self._sum = 0

    def joules(self) -> float:
        now = self._read()
        self._sum += now - self._last + (self._room if now < self._last else 0)
        self._last = now
        return self._sum / 1e6

    def _read(self) -> int:
        return int(self._file.read_text())


def _packages(powercap: Path) -> Iterable[_Package]:
    """The processors and their memory; what is inside of one of them is counted there."""
    for zone in _zones(powercap):
        try:
            kind = (zone / "name").read_text().strip()
            if kind.startswith("package") or kind == "dram":
                yield _Package(zone)
        except (OSError, ValueError):
            continue  # only its administrator may read it


def _zones(powercap: Path) -> list[Path]:
    return sorted(powercap.glob("intel-rapl:*")) if powercap.is_dir() else []


def _has_zones(powercap: Path) -> bool:
    return bool(_zones(powercap))
