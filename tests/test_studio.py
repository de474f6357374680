"""Settings to kept picture."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from sdplay import metadata
from sdplay.errors import BadParams
from sdplay.library import Library, SavedPicture
from sdplay.params import Params
from sdplay.picture import CutOut, Enlargement, Progress
from sdplay.studio import cut_out, enlarge, make
from tests.making import Painter

FINE = Enlargement("4x-fine")


class Handy(Painter):
    """Enlarges, and cuts a disc and a corner out of everything."""

    def upscale(self, image, factor, upscaler):
        self.made.append(upscaler)
        return image.resize((int(image.width * factor), int(image.height * factor)))

    def cut_out(self, image):
        clear = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
        clear.paste((200, 0, 0), (5, 0, 15, 10))
        return [
            CutOut(clear, (4, 6, 24, 16), 0.9, "sam"),
            CutOut(clear, (0, 0, 20, 10), 0.8, "sam"),
        ]


@pytest.fixture
def library(tmp_path):
    opened = Library(tmp_path)
    yield opened
    opened.close()


def test_a_picture_is_made_and_kept(library):
    *progress, kept = make(Params(steps=3, width=64, height=64), Painter(), library, "ann")
    assert [event.step for event in progress] == [1, 2, 3]
    assert library.get(kept.id, "ann").id == kept.id


def test_the_same_settings_are_not_made_twice(library):
    painter, params = Painter(), Params(steps=2, width=64, height=64)
    first, second = (list(make(params, painter, library))[-1] for _ in range(2))
    assert len(painter.made) == 1
    assert isinstance(second, SavedPicture)
    assert second.id == first.id


def test_a_picture_is_made_anew_where_that_is_wanted(library):
    painter, params = Painter(), Params(steps=2, width=64, height=64)
    first, second = (list(make(params, painter, library, anew=True))[-1] for _ in range(2))
    assert len(painter.made) == 2
    assert first.id != second.id


def test_stopping_closes_the_backend(library):
    painter = Painter()
    run = make(Params(steps=9, width=64, height=64), painter, library)
    next(run)
    run.close()
    assert painter.stopped == 1
    assert library.recent() == []


@pytest.fixture
def kept(library):
    *_, made = make(
        Params("a fox", steps=2, seed=7, width=64, height=64), Painter(), library, "ann"
    )
    return made


def test_an_enlarged_picture_is_kept_beside_its_source(library, kept):
    *_, large = enlarge(kept, FINE, Handy(), library, "ann")
    assert (large.width, large.params, large.tags, large.made_from) == (
        128,
        kept.params,
        ("upscale",),
        kept.file,
    )
    assert large.receipt.warnings == ("Enlarged from 64 × 64 pixels by 4x-fine.",)
    assert [other.id for _, other in library.near(kept, "ann")] == [large.id]
    assert len(library.timings("painter")) == 1


def test_its_text_reads_as_a1111_writes_it(library, kept):
    *_, large = enlarge(kept, FINE, Handy(), library, "ann")
    found = metadata.read(library.data(large))
    assert found.text.startswith("a fox\nSteps: 2")
    assert found.text.endswith(", Postprocess upscale by: 2, Postprocess upscaler: 4x-fine")
    assert (found.settings["seed"], found.notes) == (7, ())


def test_the_same_is_not_enlarged_twice(library, kept):
    handy = Handy()
    first, second, other = (
        [*enlarge(kept, replace(FINE, factor=by), handy, library, "ann")][-1] for by in (2, 2, 3)
    )
    assert (first.id, len(handy.made)) == (second.id, 2)
    assert other.width == 192


def test_a_backend_without_a_network_for_faces_says_so(library, kept):
    with pytest.raises(BadParams, match="Painter repairs no faces"):
        list(enlarge(kept, replace(FINE, faces="GFPGAN"), Handy(), library, "ann"))


def test_repaired_faces_are_noted(library, kept):
    class Repairing(Handy):
        def enlarge(self, image, how):
            yield Progress(0.5)
            yield self.upscale(image, how.factor, how.upscaler)

    progress, large = enlarge(kept, replace(FINE, faces="GFPGAN"), Repairing(), library, "ann")
    assert progress.fraction == 0.5
    assert large.receipt.sent["faces"] == "GFPGAN"
    assert "GFPGAN was asked to repair faces" in large.receipt.warnings[0]


def test_stopping_an_enlargement_closes_the_backend(library, kept):
    stopped = []

    class Slow(Handy):
        def enlarge(self, image, how):
            try:
                yield Progress(0.1)
                yield Progress(0.2)
            finally:
                stopped.append(how.upscaler)

    run = enlarge(kept, FINE, Slow(), library, "ann")
    next(run)
    run.close()
    assert stopped == ["4x-fine"]
    assert len(library.recent("ann")) == 1


def test_cut_outs_are_transparent_pictures_that_name_their_source(library, kept):
    first, second = cut_out(kept, Handy(), library, "ann")
    with Image.open(io.BytesIO(library.data(first))) as opened:
        assert (opened.mode, opened.size, opened.getpixel((0, 0))[3]) == ("RGBA", (20, 10), 0)
    assert (first.made_from, first.tags, first.receipt.sent["box"]) == (
        kept.file,
        ("cut-out",),
        [4, 6, 24, 16],
    )
    assert first.receipt.warnings == ("Cut out by sam at 4, 6 from a picture of 64 × 64.",)
    assert [each.id for each in cut_out(kept, Handy(), library, "ann")] == [first.id, second.id]


def test_the_thumbnail_of_a_cut_out_shows_its_shape(library, kept):
    first, _ = cut_out(kept, Handy(), library, "ann")
    with Image.open(io.BytesIO(library.thumbnail(first))) as small:
        outside, inside = small.getpixel((1, 5)), small.getpixel((10, 5))
    assert min(outside) > 180
    assert inside[0] > 150 > inside[1]
