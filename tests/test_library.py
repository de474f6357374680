"""The library: whole files, found again, private to their owner."""

import io
import os
from contextlib import closing
from dataclasses import replace

import pytest
from PIL import Image

from sdplay.errors import BadParams, LibraryError
from sdplay.files.nested_jpeg import parted
from sdplay.library import Library, Query, Recipe
from sdplay.metadata import read
from sdplay.metadata.png import with_texts
from sdplay.params import Params
from sdplay.picture import Frame, Picture, png_bytes
from tests.libraries import KINDS, library_on
from tests.making import finished


@pytest.fixture(params=KINDS)
def library(request, tmp_path):
    with library_on(request.param, tmp_path) as opened:
        yield opened


def test_a_saved_picture_comes_back_with_all_it_was_made_with(library):
    saved = library.save(finished(seed=3), "ann")
    found = library.get(saved.id, "ann")
    assert (found.params, found.timing, found.receipt, found.model) == (
        saved.params,
        saved.timing,
        saved.receipt,
        "v1",
    )


def test_the_stored_file_carries_its_settings_and_the_same_pixels(library):
    made = finished(seed=3)
    data = library.data(library.save(made))
    assert Params.from_dict(read(data).settings) == made.params
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.tobytes() == made.image().tobytes()


def test_pictures_of_another_owner_are_not_seen(library):
    saved = library.save(finished(), "ann")
    assert library.get(saved.id, "bob") is None
    assert library.recent("bob") == []


def test_a_picture_without_owner_is_everybodys(library):
    saved = library.save(finished())
    assert library.get(saved.id, "bob").id == saved.id


def test_the_same_recipe_is_found_by_its_key(library):
    saved = library.save(finished(seed=1), "ann")
    assert library.by_key(finished(seed=1).params.key("test", "v1"), "ann").id == saved.id
    assert library.by_key(finished(seed=2).params.key("test", "v1"), "ann") is None


def test_many_recipes_are_looked_up_at_once(library):
    for n, owner in enumerate(("ann", "", "bob")):
        library.save(finished(seed=n), owner)
    recipes = [Recipe(finished(seed=n).params, "test", "v1") for n in range(700)]
    assert library.made_of(recipes, "ann") == {recipes[0].key, recipes[1].key}


def test_a_longer_key_is_found_too_and_survives_a_reindex(library):
    saved = library.save(finished(), "ann", key=f"{'a' * 32}-lanczos-2")
    library.reindex()
    assert library.by_key(f"{'a' * 32}-lanczos-2", "ann").id == saved.id


def test_a_start_image_comes_back_with_the_recipe(library):
    saved = library.save(finished(init=png_bytes(Image.new("RGB", (8, 8)))))
    assert library.get(saved.id).params.init == saved.params.init


def test_frames_are_kept_and_read_only_when_asked(library):
    frames = (Frame(1, 14.6, 0.1, b"clean", b"noisy"), Frame(2, 0.5, 0.2, b"later"))
    made = finished()
    saved = library.save(
        Picture(made.data, made.params, "test", made.timing, made.receipt, "v1", frames)
    )
    assert library.frames(library.get(saved.id)) == frames


def test_search_finds_every_word_and_every_setting(library):
    library.save(finished(seed=1, steps=9))
    library.save(finished(seed=2, steps=30))
    assert [kept.params.seed for kept in library.search(text="FOX a", steps=30)] == [2]
    assert library.search(text="100% fox") == []


def test_a_deleted_picture_can_be_brought_back(library):
    saved = library.save(finished())
    library.delete(saved)
    assert library.recent() == []
    library.restore(saved)
    assert [kept.id for kept in library.recent()] == [saved.id]


def test_stars_tags_and_notes_stay(library):
    saved = library.save(finished())
    library.update(saved, stars=4, tags=("good", "fox"), note="warm light")
    found = library.get(saved.id)
    assert (found.stars, found.tags, found.note) == (4, ("good", "fox"), "warm light")


def test_a_damaged_picture_is_refused_in_a_sentence(library):
    made = finished()
    with pytest.raises(LibraryError, match="damaged and was not kept"):
        library.save(Picture(made.data[:-40], made.params, "test", made.timing, made.receipt))
    assert library.recent() == []


def test_a_file_removed_by_hand_is_explained(library):
    saved = library.save(finished())
    os.remove(library.files.place("originals", saved.file))
    with pytest.raises(LibraryError, match="missing"):
        library.data(saved)


def test_a_name_that_is_a_path_never_leaves_the_folder(library):
    with pytest.raises(LibraryError, match="not the name of a picture"):
        library.files.read("originals", "../../etc/passwd")


def test_what_is_shared_is_seen_by_all_and_changed_by_its_owner_alone(library):
    saved = library.save(finished(), "ann")
    library.share(saved, "ann")
    seen = library.get(saved.id, "bob")
    assert (seen.id, seen.owner, seen.shared) == (saved.id, "•", True)
    for change in (
        library.delete,
        library.share,
        lambda kept, owner: library.update(kept, owner, stars=1),
    ):
        with pytest.raises(LibraryError, match="belongs to somebody else"):
            change(seen, "bob")
    library.share(saved, "ann", shared=False)
    assert library.get(saved.id, "bob") is None


def test_a_shared_picture_is_nobody_elses_recipe(library):
    saved = library.save(finished(), "ann")
    library.share(saved, "ann")
    assert library.by_key(saved.key, "bob") is None


def test_the_same_picture_of_two_owners_is_one_file_and_two_pictures(library):
    one, two = (library.save(finished(), owner) for owner in ("ann", "bob"))
    assert one.file == two.file
    library.delete(one, "ann")
    library.purge("ann")
    assert library.data(two)
    assert library.get(two.id, "bob") == two


def test_what_was_shared_is_nobodys_once_it_is_in_the_bin(library):
    saved = library.share(library.save(finished(), "ann"), "ann")
    library.delete(saved, "ann")
    assert library.get(saved.id, "bob") is None


def test_an_emptied_bin_leaves_no_file(library):
    init = png_bytes(Image.new("RGB", (8, 8)))
    made = finished(init=init)
    saved = library.save(
        Picture(
            made.data,
            made.params,
            "test",
            made.timing,
            made.receipt,
            frames=(Frame(1, 1, 1, b"x"),),
        )
    )
    library.delete(saved)
    assert library.purge(days=1) == 0
    assert library.purge() == 1
    assert [place for place in library.files.folder.rglob("*") if place.is_file()] == []


def test_the_bin_is_listed_and_emptied_by_its_owner_only(library):
    saved = library.save(finished(), "ann")
    library.delete(saved, "ann")
    assert [kept.id for kept in library.page(Query(deleted=True), "ann").pictures] == [saved.id]
    assert library.page(Query(deleted=True), "bob").pictures == ()
    assert library.get(saved.id, "ann").deleted
    assert library.get(saved.id, "bob") is None
    assert library.purge("bob") == 0
    assert library.restore(saved, "ann").deleted is False


@pytest.mark.parametrize("change", [{"stars": 6}, {"stars": -1}, {"owner_name": "bob"}])
def test_marks_are_checked(library, change):
    with pytest.raises(BadParams):
        library.update(library.save(finished()), **change)


def test_a_thumbnail_is_as_fine_as_a_tile_on_a_sharp_screen(library):
    large = png_bytes(Image.new("RGB", (768, 1024)))
    saved = library.save(replace(finished(), data=large))
    sizes = [library.thumbnail(saved)]
    library.files.remove("thumbnails", saved.file)
    sizes.append(library._thumbnail(saved.file))
    assert [Image.open(io.BytesIO(jpeg)).size for jpeg in sizes] == [(384, 512)] * 2


def test_a_lost_thumbnail_is_drawn_again(library):
    saved = library.save(finished())
    library.files.remove("thumbnails", saved.file)
    with Image.open(io.BytesIO(library.thumbnail(saved))) as opened:
        assert opened.format == "JPEG"


def test_a_page_of_thumbnails_survives_a_lost_file(library):
    kept = [library.save(finished(seed=seed)) for seed in range(3)]
    for kind in ("thumbnails", "originals"):
        library.files.remove(kind, kept[1].file)
    assert [small[:2] for small in library.thumbnails(kept)] == [b"\xff\xd8", b"", b"\xff\xd8"]
    assert library.thumbnails(kept[:1]) == [library.thumbnail(kept[0])]


def glance(library, saved):
    return library.thumbnails_of([saved.id], "ann", glances=True)[saved.id]


def size(jpeg):
    return Image.open(io.BytesIO(jpeg)).size


def test_a_glance_lies_ready_inside_the_thumbnail(library):
    saved = library.save(replace(finished(), data=png_bytes(Image.new("RGB", (768, 1024)))), "ann")
    stored = library.files.read("thumbnails", saved.file)
    assert parted(stored) == (library.thumbnail(saved), glance(library, saved))
    assert (size(stored), size(glance(library, saved))) == ((384, 512), (192, 256))


def test_an_older_thumbnail_gives_a_glance_too(library):
    saved = library.save(replace(finished(), data=png_bytes(Image.new("RGB", (768, 1024)))), "ann")
    bare = parted(library.files.read("thumbnails", saved.file))[0]
    library.files.write("thumbnails", saved.file, bare, again=True)
    assert size(glance(library, saved)) == (192, 256)


def test_a_glance_of_a_small_picture_is_its_thumbnail(library):
    saved = library.save(finished(), "ann")
    assert glance(library, saved) == library.thumbnail(saved)


def test_more_thumbnails_than_memory_holds_are_all_read(tmp_path, monkeypatch):
    monkeypatch.setattr("sdplay.library.library.MOST_SMALL", 1500)
    with closing(Library(tmp_path)) as library:
        ids = [library.save(finished(seed=seed), "ann").id for seed in range(5)]
        assert list(library.thumbnails_of(ids, "ann")) == ids
        assert all(library.thumbnails_of(ids, "ann").values())


def test_a_short_link_opens_the_long_one(library):
    long = "prompt=" + "fox " * 2000
    id = library.shorten(long)
    assert (len(id), library.expanded(id), library.shorten(long)) == (8, long, id)
    assert library.expanded("nothing") is None
    assert library.expanded("../x") is None


def test_a_picture_from_elsewhere_is_kept_once_with_its_settings(library):
    text = "a cat\nSteps: 9, Sampler: Euler a, CFG scale: 5, Seed: 3, Size: 64x64, Version: v1.10.1"
    data = with_texts(png_bytes(Image.new("RGB", (64, 64))), {"parameters": text})
    one, two = (library.take(data, "ann") for _ in range(2))
    assert one.id == two.id
    assert (one.params.prompt, one.params.scheduler, one.backend) == ("a cat", "euler_a", "A1111")
    assert read(library.data(one)).text == text


def test_markup_and_odd_letters_stay_what_they_are(library):
    prompt = "<script>alert(1)</script> **bold** ![x](javascript:1) \0 \ud800 🦊"
    saved = library.save(finished(prompt=prompt), tags=["<b>"])
    assert library.get(saved.id).params.prompt == prompt
    assert [kept.id for kept in library.search(text="script alert 🦊")] == [saved.id]
