"""The library: whole files, found again, private to their owner."""

import io
import os

import pytest
from PIL import Image

from sdplay.errors import LibraryError
from sdplay.library import Library
from sdplay.metadata import read
from sdplay.params import Params
from sdplay.picture import Frame, Picture, Receipt, Timing, png_bytes


@pytest.fixture
def library(tmp_path):
    opened = Library(tmp_path)
    yield opened
    opened.close()


def picture(**settings):
    params = Params(prompt="a fox", width=64, height=64, **settings)
    data = png_bytes(Image.new("RGB", (64, 64), (params.seed % 256, 90, 20)))
    return Picture(data, params, "test", Timing(1.5), Receipt(params.changed(), {}, {}, ("Sent late.",)), "v1")


def test_a_saved_picture_comes_back_with_all_it_was_made_with(library):
    saved = library.save(picture(seed=3), "ann")
    found = library.get(saved.id, "ann")
    assert (found.params, found.timing, found.receipt, found.model) == (
        saved.params, saved.timing, saved.receipt, "v1",
    )  # fmt: skip


def test_the_stored_file_carries_its_settings_and_the_same_pixels(library):
    made = picture(seed=3)
    data = library.data(library.save(made))
    assert Params.from_dict(read(data).settings) == made.params
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.tobytes() == made.image().tobytes()


def test_pictures_of_another_owner_are_not_seen(library):
    saved = library.save(picture(), "ann")
    assert library.get(saved.id, "bob") is None
    assert library.recent("bob") == []


def test_a_picture_without_owner_is_everybodys(library):
    saved = library.save(picture())
    assert library.get(saved.id, "bob").id == saved.id


def test_the_same_recipe_is_found_by_its_key(library):
    saved = library.save(picture(seed=1), "ann")
    assert library.by_key(picture(seed=1).params.key("test", "v1"), "ann").id == saved.id
    assert library.by_key(picture(seed=2).params.key("test", "v1"), "ann") is None


def test_a_start_image_comes_back_with_the_recipe(library):
    saved = library.save(picture(init=png_bytes(Image.new("RGB", (8, 8)))))
    assert library.get(saved.id).params.init == saved.params.init


def test_frames_are_kept_and_read_only_when_asked(library):
    frames = (Frame(1, 14.6, 0.1, b"clean", b"noisy"), Frame(2, 0.5, 0.2, b"later"))
    made = picture()
    saved = library.save(Picture(made.data, made.params, "test", made.timing, made.receipt, "v1", frames))
    assert library.frames(library.get(saved.id)) == frames


def test_search_finds_every_word_and_every_setting(library):
    library.save(picture(seed=1, steps=9))
    library.save(picture(seed=2, steps=30))
    assert [kept.params.seed for kept in library.search(text="FOX a", steps=30)] == [2]
    assert library.search(text="100% fox") == []


def test_a_deleted_picture_can_be_brought_back(library):
    saved = library.save(picture())
    library.delete(saved)
    assert library.recent() == []
    library.restore(saved)
    assert [kept.id for kept in library.recent()] == [saved.id]


def test_stars_tags_and_notes_stay(library):
    saved = library.save(picture())
    library.update(saved, stars=4, tags=("good", "fox"), note="warm light")
    found = library.get(saved.id)
    assert (found.stars, found.tags, found.note) == (4, ("good", "fox"), "warm light")


def test_a_damaged_picture_is_refused_in_a_sentence(library):
    made = picture()
    with pytest.raises(LibraryError, match="damaged and was not kept"):
        library.save(Picture(made.data[:-40], made.params, "test", made.timing, made.receipt))


def test_a_file_removed_by_hand_is_explained(library):
    saved = library.save(picture())
    os.remove(library.files.place("originals", saved.file, ".png"))
    with pytest.raises(LibraryError, match="missing"):
        library.data(saved)


def test_a_name_that_is_a_path_never_leaves_the_folder(library):
    with pytest.raises(LibraryError, match="not the name of a picture"):
        library.files.read("originals", "../../etc/passwd", "")
