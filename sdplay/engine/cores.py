"""How many cores this process may use: what the machine has, less what a container or an affinity
takes away."""

import os
import sys
from pathlib import Path

import psutil

MOST = 4
"""Calls of a small model are short: waking more threads for each costs more than they give."""
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def threads() -> int:
    """Threads for one model call."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if sys.platform == "linux":
        cores = min(cores, len(os.sched_getaffinity(0)))
    allowed = quota(CGROUPS, MEMBERSHIP.read_text()) if MEMBERSHIP.exists() else None
    return max(1, min(cores, MOST, round(allowed) if allowed else MOST))


def quota(cgroups: Path, membership: str) -> float | None:
    """Cores' worth of time that the process's groups and those above them leave it; None for no
    limit."""
    limits = []
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            limits += [_unified(folder) for folder in _upwards(cgroups, path)]
        elif "cpu" in controllers.split(","):
            for name in (controllers, "cpu"):
                limits += [_legacy(folder) for folder in _upwards(cgroups / name, path)]
    return min((limit for limit in limits if limit), default=None)


def _upwards(root: Path, path: str) -> list[Path]:
    """The group's folder and all above it; inside a container only the root is there."""
    inside = root / path.strip("/")
    return [folder for folder in (inside, *inside.parents) if folder.is_relative_to(root)]


def _unified(folder: Path) -> float | None:
    """Version 2: one file, `max 100000` or `150000 100000`."""
    return _share(*_numbers(folder / "cpu.max"))


def _legacy(folder: Path) -> float | None:
    """Version 1: two files; a quota of -1 is none."""
    quota, period = folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"
    return _share(*_numbers(quota), *_numbers(period))


def _share(time: int = -1, period: int = 0) -> float | None:
    return time / period if time > 0 and period > 0 else None


def _numbers(file: Path) -> list[int]:
    """The whole numbers of a file; none where it cannot be read."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return [-1 if word == "max" else int(word) for word in words]
