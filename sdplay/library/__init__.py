"""The library: every finished picture is kept as its PNG, thumbnailed, and indexed in SQL."""

from sdplay.library.kept import Kept
from sdplay.library.library import Library

__all__ = ["Kept", "Library"]
