"""English for people: counts, times, sizes and lists in a sentence, and text that is no markup."""

from collections.abc import Sequence
from typing import Any

MOST_NAMES = 3
"""More names than this are counted instead of listed."""


def many(count: int, word: str) -> str:
    """A number with its word: 1 picture, 2 pictures."""
    return f"{count:,} {word}" + "s" * (count != 1)


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them; many are counted."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def lasting(seconds: float) -> str:
    """A measured time as a person says it: 0.25 s, 12 s, 25 min, 2.5 h."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 89.95 else _time(seconds)


def duration(low: float, high: float) -> str:
    """A range of seconds as a person says it."""
    if high < 1:
        return "less than a second"
    small, large = _time(low), _time(high)
    return f"about {large}" if small == large else f"{small} to {large}"


def size(count: int) -> str:
    """Bytes as a person says them: 512 MB, 3.9 GB."""
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"


def dollars(amount: float) -> str:
    """Money as a person says it: $12.50, $0.06, and $0.0023 where it is less than a cent."""
    return f"${amount:.2f}" if amount >= 0.1 else f"${float(f'{amount:.2g}'):f}".rstrip("0")


def number(value: Any) -> str:
    """A number without needless zeros; anything else as it is written."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def literal(text: str) -> str:
    """Text of people and servers, so that nothing in it is read as markdown."""
    for mark in "\\`*_{}[]()#+!|~$<>:":
        text = text.replace(mark, f"\\{mark}")
    return text


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 72 else f"{round(hours / 24)} days"
