"""The backend for the local process (`python -m sdplay serve`), and how the page starts that
process."""

from sdplay.backends.local.backend import Local

__all__ = ["Local"]
BACKEND = Local
