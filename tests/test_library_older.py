"""A library that an earlier version made: every picture is there, and is found by its recipe."""

import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from sdplay.library import Library, Recipe
from sdplay.params import Control, Params
from sdplay.picture import png_bytes

BEFORE = Path(__file__).parent / "data" / "library_before_key_versions.zip"
SERVER = "tiny.safetensors [0123456789]"
RED = png_bytes(Image.new("RGB", (16, 16), "red"))
WHITE = png_bytes(Image.new("L", (16, 16), 255))
MADE = {
    "plain": Recipe(Params(prompt="a red fox", seed=1), "builtin", "icons 1"),
    "changed": Recipe(
        Params(
            prompt="a red fox",
            negative="dark",
            scheduler="euler_a",
            steps=5,
            cfg=3.5,
            seed=2,
            width=128,
            height=192,
            clip_skip=2,
            hires_scale=1.5,
            styles="flat|dark",
            extra='{"tiling": true}',
        ),
        "builtin",
        "icons 1",
    ),
    "eta": Recipe(
        Params(prompt="a blue owl", scheduler="ddim", eta=0.5, seed=3), "builtin", "icons 1"
    ),
    "guided": Recipe(
        Params(
            prompt="a house",
            init=RED,
            mask=WHITE,
            strength=0.5,
            seed=4,
            control=(Control(RED, "canny", weight=0.5),),
        ),
        "builtin",
        "icons 1",
    ),
    "server": Recipe(Params(prompt="a tree", seed=5), "a1111", SERVER),
}
"""What the version before keys had one made; the model's name of the last is not in its record."""


@pytest.fixture
def library(tmp_path):
    with zipfile.ZipFile(BEFORE) as packed:
        packed.extractall(tmp_path)
    with closing(Library(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("name", MADE)
def test_a_picture_of_before_is_found_by_its_recipe(library, name):
    found = library.made(MADE[name], "ann")
    assert found.params == MADE[name].params


def test_a_picture_of_before_is_given_todays_key_once(library):
    first = library.made(MADE["server"], "ann")
    assert first.key == MADE["server"].key
    assert library.by_key(MADE["server"].key, "ann") == first
    library.reindex()
    assert library.by_key(MADE["server"].key, "ann").id == first.id


def test_many_recipes_of_before_are_found_at_once(library):
    recipes = [*MADE.values(), Recipe(Params(prompt="new"), "builtin", "icons 1")]
    assert library.made_of(recipes, "ann") == {recipe.key for recipe in MADE.values()}


def test_a_servers_own_clip_skip_of_before_is_not_taken_for_the_one_asked(library):
    asked = Recipe(Params(prompt="a tree", seed=6), "a1111", SERVER)
    own = Recipe(Params(prompt="a tree", seed=6, clip_skip="own"), "a1111", SERVER)
    assert library.made(asked, "ann") is None
    assert library.made(own, "ann").receipt.applied["clip_skip"] == 2


def test_what_is_left_to_the_backend_is_found_and_listed(library):
    assert library.page("eta=own", "ann", limit=9).pictures
    assert None in library.values("eta", "ann")
