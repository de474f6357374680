"""The library: every finished picture is stored as a PNG file with a thumbnail, and indexed in
SQL."""

from sdplay.library.library import Library
from sdplay.library.query import Between, Query, query
from sdplay.library.recipe import Recipe
from sdplay.library.saved import Group, Page, SavedPicture, Timed, Total

__all__ = [
    "Between",
    "Group",
    "Library",
    "Page",
    "Query",
    "Recipe",
    "SavedPicture",
    "Timed",
    "Total",
    "query",
]
