"""The library: every finished picture is stored as a PNG file with a thumbnail, and indexed in
SQL."""

from sdplay.library.kept import Group, Kept, Page, Timed, Total
from sdplay.library.library import Library
from sdplay.library.query import Between, Query, query
from sdplay.library.recipe import Recipe

__all__ = [
    "Between",
    "Group",
    "Kept",
    "Library",
    "Page",
    "Query",
    "Recipe",
    "Timed",
    "Total",
    "query",
]
