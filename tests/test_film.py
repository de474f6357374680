"""Films: the settings of every frame, zoom and rotation, a film at work, and the file it
becomes."""

import io

import numpy as np
import pytest
from PIL import Image

from sdplay.backends import Capabilities
from sdplay.backends.builtin import BACKEND as Builtin
from sdplay.errors import BadParams
from sdplay.film import MOST_FRAMES, Crew, FrameToFrame, FromTo, Shooting, check
from sdplay.film.between import blended
from sdplay.film.films import Films
from sdplay.film.geometry import moved
from sdplay.film.saving import film_file
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.metadata import decoded
from sdplay.params import MAX_SEED, Params
from sdplay.picture import png_bytes
from tests.local_process import until
from tests.making import Held, Painter, finished

SMALL = Params("a red fox", steps=2, width=64, height=64, seed=5, strength=0.5)


@pytest.fixture
def jobs(tmp_path):
    library = Library(tmp_path)
    yield Jobs(library)
    library.close()


def picture(width=48, height=32):
    """A smooth picture in which every place has a colour of its own."""
    y, x = np.mgrid[0:height, 0:width]
    layers = np.stack([x * 255 / (width - 1), y * 255 / (height - 1), np.full_like(x, 128)], -1)
    return Image.fromarray(layers.astype(np.uint8))


def pixels(image):
    return np.asarray(image, np.float32)


def test_without_movement_a_frame_is_the_one_before():
    image = picture()
    assert moved(image, 1.0, 360.0) is image


@pytest.mark.parametrize("degrees", [0, 30, -135])
@pytest.mark.parametrize("zoom", [0.1, 0.5, 0.98, 1.0, 1.02, 5.0])
@pytest.mark.parametrize("size", [(48, 32), (8, 96)])
def test_a_moved_frame_has_its_size_and_no_empty_corner(size, zoom, degrees):
    image = Image.new("RGB", size, (200, 150, 100))
    assert np.abs(pixels(moved(image, zoom, degrees)) - (200, 150, 100)).max() <= 1


def test_zoom_brings_the_middle_nearer():
    near = pixels(moved(picture(96, 64), 2.0, 0.0))
    inner = pixels(
        picture(96, 64).crop((24, 16, 72, 48)).resize((96, 64), Image.Resampling.BICUBIC)
    )
    assert np.abs(near - inner)[4:-4, 4:-4].max() < 4


def test_a_step_back_shows_the_frame_mirrored_around_itself():
    far = pixels(moved(picture(96, 64), 0.5, 0.0))
    assert np.abs(far[16:48, 24:72] - pixels(picture(48, 32))).max() < 12
    assert np.abs(far[:, :24] - far[:, 24:48][:, ::-1]).max() < 6


def test_a_quarter_turn_goes_clockwise():
    turned = moved(picture(33, 33), 1.0, 90.0)
    expected = picture(33, 33).transpose(Image.Transpose.ROTATE_270)
    assert np.abs(pixels(turned) - pixels(expected)).max() < 2


def test_turning_there_and_back_is_nearly_the_same_picture():
    there = moved(picture(64, 64), 1.25, 20.0)
    back = moved(there, 0.8, -20.0)
    assert np.abs(pixels(back) - pixels(picture(64, 64)))[24:40, 24:40].max() < 10


def test_the_first_frame_is_the_picture_that_the_settings_say():
    assert FrameToFrame(SMALL, 3, zoom=1.1).params(0, None) == SMALL


def test_a_frame_starts_from_the_one_before_moved():
    storyboard = FrameToFrame(SMALL.with_(variation_strength=0.2), 3, zoom=1.1, degrees=5)
    params = storyboard.params(2, picture())
    assert params.init == png_bytes(moved(picture(), 1.1, 5))
    assert (params.seed, params.strength, params.variation_strength) == (7, 0.5, 0.0)


@pytest.mark.parametrize(("seeds", "seed"), [("next", 1), ("same", MAX_SEED)])
def test_seeds_go_on_from_frame_to_frame_or_stay(seeds, seed):
    storyboard = FrameToFrame(SMALL.with_(seed=MAX_SEED), 3, seeds=seeds)
    assert storyboard.params(2, picture()).seed == seed


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"count": 0}, "Frames must be between 1 and 1,000, not 0"),
        ({"count": MOST_FRAMES + 1}, "not 1,001"),
        ({"zoom": 0.0}, "Zoom must be between 0.1 and 5, not 0"),
        ({"zoom": float("nan")}, "Zoom must be between 0.1 and 5, not nan"),
        ({"degrees": 200.0}, "Rotation must be between -180 and 180, not 200"),
        ({"seeds": "any"}, "Seeds are next or same, not 'any'"),
    ],
)
def test_a_film_that_cannot_be_made_is_refused_before_it_begins(fields, sentence):
    with pytest.raises(BadParams, match=sentence):
        FrameToFrame(**{"base": SMALL, "count": 3, **fields})


def test_the_ends_of_a_way_are_exactly_the_two_pictures():
    end = SMALL.with_(seed=9, cfg=9.0, prompt="a blue owl")
    storyboard = FromTo(SMALL, end, 5)
    assert (storyboard.params(0), storyboard.params(4)) == (SMALL, end)


def test_numbers_change_by_even_steps():
    storyboard = FromTo(SMALL.with_(cfg=3.0, steps=4), SMALL.with_(cfg=5.0, steps=9), 5)
    frames = [storyboard.params(at) for at in range(5)]
    assert [frame.cfg for frame in frames] == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert [frame.steps for frame in frames] == [4, 5, 6, 8, 9]


def test_two_seeds_are_mixed_by_variation_strength():
    storyboard = FromTo(SMALL, SMALL.with_(seed=9), 3)
    middle = storyboard.params(1)
    assert (middle.seed, middle.variation_seed, middle.variation_strength) == (5, 9, 0.5)


@pytest.mark.parametrize(
    ("start", "end", "share", "text"),
    [
        ("a red fox", "a blue fox", 0.25, "a (red:0.75) (blue:0.25) fox"),
        ("a fox", "an owl at night", 0.5, "(a fox:0.5) (an owl at night:0.5)"),
        ("a fox", "a fox, sketch", 0.5, "a (fox:0.5) (fox, sketch:0.5)"),
        ("a fox, oil", "a fox", 1 / 3, "a (fox, oil:0.667) (fox:0.333)"),
        ("a fox", "a red fox", 0.9, "a (red:0.9) fox"),
        ("", "fog", 0.5, "(fog:0.5)"),
        ("a red, round fox", "a blue, round fox", 0.5, "a (red:0.5), (blue:0.5), round fox"),
    ],
)
def test_two_prompts_share_what_they_have_in_common(start, end, share, text):
    assert blended(start, end, share) == text


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ({}, "Both ends are the same"),
        ({"scheduler": "heun"}, "Scheduler cannot change little by little"),
        ({"seed": 6, "variation_strength": 0.5}, "set that to 0 at both ends"),
    ],
)
def test_ends_without_a_way_between_them_are_refused(end, sentence):
    with pytest.raises(BadParams, match=sentence):
        FromTo(SMALL, SMALL.with_(**end), 5)


def test_a_backend_that_cannot_make_the_film_says_why():
    with pytest.raises(BadParams, match="Painter cannot start from a picture"):
        check(FrameToFrame(SMALL, 3), Painter(), Capabilities())
    with pytest.raises(BadParams, match="Painter cannot mix two seeds"):
        check(FromTo(SMALL, SMALL.with_(seed=6), 3), Painter(), Capabilities())
    check(FrameToFrame(SMALL, 1), Painter(), Capabilities())


def test_every_frame_is_made_from_the_one_before(jobs):
    painter = Painter()
    film = Shooting(FrameToFrame(SMALL, 4), Crew(jobs, painter, "ann")).start()
    assert film.wait(120)
    assert (film.done, film.trouble, film.standing) == (True, "", "4 of 4 frames")
    assert [params.seed for params in painter.made] == [5, 6, 7, 8]
    starts = [decoded(params.init).getpixel((3, 3)) for params in painter.made[1:]]
    assert starts == [(seed, 80, 80) for seed in (5, 6, 7)]


def test_cancelling_keeps_the_frames_that_are_there_and_going_on_makes_the_rest(jobs):
    painter = Held(2)
    film = Shooting(FrameToFrame(SMALL, 6), Crew(jobs, painter)).start()
    until(lambda: len(film.frames) == 2)
    film.cancel()
    assert film.wait(120)
    there = [frame.id for frame in film.frames]
    assert len(there) == 2
    painter.most = 6
    film.start()
    assert film.wait(120)
    assert [frame.id for frame in film.frames][:2] == there
    assert [params.seed for params in painter.made] == [5, 6, 7, 8, 9, 10]


def test_the_same_film_again_makes_only_what_is_missing(jobs):
    painter = Painter()
    assert Shooting(FrameToFrame(SMALL, 2), Crew(jobs, painter)).start().wait(120)
    longer = Shooting(FrameToFrame(SMALL, 5), Crew(jobs, painter)).start()
    assert longer.wait(120)
    assert [params.seed for params in painter.made] == [5, 6, 7, 8, 9]


def test_frames_between_two_pictures_are_made_side_by_side_and_stay_in_order(jobs):
    storyboard = FromTo(SMALL.with_(cfg=1.0), SMALL.with_(cfg=2.0), 9)
    film = Shooting(storyboard, Crew(jobs, Painter(), at_once=3)).start()
    assert film.wait(120)
    assert [frame.params.cfg for frame in film.frames] == [1 + at / 8 for at in range(9)]


def test_a_film_whose_backend_refuses_stops_with_its_sentence(jobs):
    film = Shooting(FrameToFrame(SMALL.with_(prompt="refuse"), 4), Crew(jobs, Painter())).start()
    assert film.wait(120)
    assert (film.frames, film.running) == ([], False)
    assert "no such colour" in film.trouble


def test_the_built_in_model_makes_the_same_film_twice(tmp_path):
    looks = []
    for name in ("one", "two"):
        library = Library(tmp_path / name)
        storyboard = FrameToFrame(SMALL.with_(width=128, height=128), 3, zoom=1.05, degrees=3)
        film = Shooting(storyboard, Crew(Jobs(library), Builtin())).start()
        assert film.wait(240)
        looks.append([decoded(library.data(frame)).tobytes() for frame in film.frames])
        library.close()
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 3


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_film_becomes_a_file_that_plays_at_its_speed(jobs, kind):
    frames = [jobs.library.save(finished(seed=seed)) for seed in (10, 120, 230)]
    with Image.open(io.BytesIO(film_file(frames, jobs.library, kind, 10))) as opened:
        opened.seek(1)
        opened.load()
        assert (opened.n_frames, opened.size, opened.info["duration"]) == (3, (64, 64), 100)


def test_a_film_without_frames_or_of_a_mad_speed_gets_a_sentence(jobs):
    with pytest.raises(BadParams, match="no frame to save yet"):
        film_file([], jobs.library, "gif", 10)
    frames = [jobs.library.save(finished())]
    with pytest.raises(BadParams, match="between 1 and 50, not 99"):
        film_file(frames, jobs.library, "gif", 99)


def test_one_browser_has_one_film_at_work_and_an_address_a_few(jobs):
    films = Films()

    def begun(owner, address=""):
        crew = Crew(jobs, Painter(0.02), owner, address)
        film = Shooting(FrameToFrame(SMALL, 900), crew)
        films.begin(film)
        return film

    at_work = [begun("ann", "10.0.0.1")]
    with pytest.raises(BadParams, match="A film of yours is at work already"):
        begun("ann", "10.0.0.1")
    at_work += [begun(owner, "10.0.0.1") for owner in ("ben", "cleo", "dan")]
    with pytest.raises(BadParams, match="Four films from your network address"):
        begun("eve", "10.0.0.1")
    assert films.of("ann") is at_work[0]
    for film in at_work:
        film.cancel()
    assert all(film.wait(120) for film in at_work)
    begun("ann").cancel()


def test_a_server_that_is_left_makes_no_more_frames(jobs):
    films, film = Films(), Shooting(FrameToFrame(SMALL, 900), Crew(jobs, Painter(0.02), "ann"))
    films.begin(film)
    films.forget("ann", "another")
    assert films.of("ann") is film
    films.forget("ann", "painter")
    assert films.of("ann") is None
    assert film.wait(120)
