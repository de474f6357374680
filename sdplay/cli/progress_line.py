"""One line that fills while something is made, on a terminal only."""

import sys

WIDTH = 30


def show(fraction: float | None, text: str) -> None:
    """Draw it anew; without a fraction, which nobody knows, it is the text alone."""
    if not sys.stderr.isatty():
        return
    if fraction is not None:
        filled = int(WIDTH * fraction)
        text = f"[{'█' * filled}{'·' * (WIDTH - filled)}] {text}"
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def clear() -> None:
    """Take it away, so that the line is free for what comes next."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
