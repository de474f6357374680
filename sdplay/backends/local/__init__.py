"""The local process (`python -m sdplay serve`): spoken to, and started from the page."""

from sdplay.backends.local.backend import Local

__all__ = ["Local"]
BACKEND = Local
