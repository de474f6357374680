"""Training pictures: what a caption says is in the picture, and where."""

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sdplay.training.pictures import captions, styles
from sdplay.training.pictures.captions import article, caption, plural
from sdplay.training.pictures.colours import COLOURS, body, natural, nearest, recoloured
from sdplay.training.pictures.compose import PIXELS, as_array
from sdplay.training.pictures.grounds import GROUNDS, ground
from sdplay.training.pictures.icons import DRAWN, WITHHELD, Icons, drawing, things
from sdplay.training.pictures.scenes import RELATIONS, Figure, Scene, held_out
from sdplay.training.pictures.world import STYLES, World

FOX, CAT, APPLE = (
    next(thing for thing in things() if thing.word == word) for word in ("fox", "cat", "apple")
)
NUMBERS = {"one", "two", "three", "four", "2", "3", "4"}


def disc(colour, size=96):
    """A shaded disc with an empty border, like a simple icon."""
    icon = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    pen = ImageDraw.Draw(icon)
    pen.ellipse((8, 8, size - 8, size - 8), fill=colour)
    dark = tuple(int(value * 0.8) for value in colour)
    pen.pieslice((8, 8, size - 8, size - 8), 20, 100, fill=dark)
    return icon


@pytest.fixture(scope="session")
def world():
    """A world in which everything is a red disc, but in every drawn style and for every thing."""
    red = drawing(disc(COLOURS["red"]))
    return World(Icons({(thing.word, name): red for thing in things() for name in DRAWN}))


@pytest.fixture(scope="session")
def scenes(world):
    dice = random.Random(3)
    return [world.scene(dice) for _ in range(600)]


def drawn(world, *figures, style="flat", ground="white", seed=0, **how):
    scene = Scene(tuple(figures), style, ground, **how)
    return world.draw(scene, random.Random(seed))


def words(sentence):
    return sentence.replace(",", "").split()


def spoken_names(thing):
    return {*(thing.word, *thing.also), *(plural(name) for name in (thing.word, *thing.also))}


def inside(picture, box):
    """The most usual colour in the middle of a box."""
    x, y = (round(place * picture.width) for place in box.middle)
    reach = max(1, round(box.side * picture.width / 6))
    patch = np.asarray(picture)[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3)
    return np.median(patch, axis=0)


def test_there_are_two_hundred_things_and_no_name_belongs_to_two():
    names = [name for thing in things() for name in (thing.word, *thing.also, *thing.unseen)]
    assert len(things()) == 200
    assert len(set(names)) == len(names)


def test_fifty_synonyms_are_kept_for_the_evaluation_and_no_caption_uses_them(scenes):
    unseen = {word for thing in things() for word in thing.unseen}
    dice = random.Random(1)
    assert len(unseen) >= 50
    assert not unseen & {word for scene in scenes for word in words(caption(scene, dice))}


def test_a_caption_names_every_thing_of_its_scene(scenes):
    dice = random.Random(2)
    for scene in scenes:
        sentence = f" {caption(scene, dice).replace(',', ' ')} "
        for figure in scene.figures:
            assert any(f" {name} " in sentence for name in spoken_names(figure.thing)), sentence


def test_a_caption_says_the_number_of_what_is_there_more_than_once(scenes):
    dice = random.Random(3)
    for scene in scenes:
        sentence = caption(scene, dice).replace("four leaf clover", "clover")
        said = NUMBERS & set(words(sentence))
        there = {figure.count for figure in scene.figures if figure.count > 1}
        assert {number for number in there if {*captions.NUMBERS[number]} & said} == there
        assert len(said) == len(there)


def test_a_style_made_in_code_is_always_said(scenes):
    """Whoever names no style is not given a black outline."""
    dice = random.Random(7)
    for scene in scenes:
        if scene.style in styles.MADE:
            assert scene.style.split()[0] in words(caption(scene, dice))


def test_a_caption_says_no_colour_style_size_or_relation_that_is_not_there(scenes):
    dice = random.Random(4)
    for scene in scenes:
        allowed = {scene.ground, scene.style, *(figure.colour for figure in scene.figures)}
        things_named = {
            word for f in scene.figures for name in spoken_names(f.thing) for word in name.split()
        }
        said = set(words(caption(scene, dice))) - things_named
        assert said & {*COLOURS, *DRAWN} <= allowed
        sizes = {figure.size for figure in scene.figures}
        for size, ways in captions.SIZE_WORDS.items():
            assert size in sizes or not said & {*ways}
        assert scene.relation in ("above", "below") or not said & {"above", "below", "over"}


def test_a_coloured_thing_is_said_to_have_its_colour(scenes):
    dice = random.Random(5)
    for scene in scenes:
        for figure in scene.figures:
            ways = captions.COLOUR_WORDS.get(figure.colour, (figure.colour,))
            assert not figure.colour or {*ways} & set(words(caption(scene, dice)))


def test_every_caption_fits_and_is_made_of_words_that_are_listed(scenes):
    dice = random.Random(6)
    names = [name for thing in things() for name in (thing.word, *thing.also)]
    listed = {*captions.spoken(), *captions.names(names)}
    for scene in scenes:
        sentence = words(caption(scene, dice))
        assert len(sentence) <= captions.WORDS
        assert set(sentence) <= listed


@pytest.mark.parametrize(
    ("name", "several"),
    [
        ("cat", "cats"),
        ("mouse", "mice"),
        ("fox", "foxes"),
        ("ferris wheel", "ferris wheels"),
        ("daisy", "daisies"),
        ("monkey", "monkeys"),
        ("wolf", "wolves"),
        ("torch", "torches"),
        ("sheep", "sheep"),
    ],
)
def test_several_of_a_thing_have_their_own_word(name, several):
    assert plural(name) == several


@pytest.mark.parametrize(
    "phrase", ["an owl", "a unicorn", "an umbrella", "a ewe", "an orange cat", "a house"]
)
def test_the_article_goes_by_the_sound(phrase):
    before, _, rest = phrase.partition(" ")
    assert article(rest) == before


def test_a_relation_may_be_told_from_either_side_and_stays_true():
    scene = Scene((Figure(CAT), Figure(FOX)), "flat", "white", relation="left of")
    for seed in range(200):
        sentence = caption(scene, random.Random(seed))
        cat, fox = (
            min(
                (sentence.find(name) for name in ("cat", "kitten") if name in sentence), default=-1
            ),
            sentence.find("fox"),
        )
        assert "left" not in sentence or cat < fox
        assert "right" not in sentence or fox < cat


def test_there_is_a_box_for_every_thing_and_all_lie_in_the_picture(world, scenes):
    for seed, scene in enumerate(scenes[:150]):
        boxes = world.draw(scene, random.Random(seed)).boxes
        assert [len(of_one) for of_one in boxes] == [figure.count for figure in scene.figures]
        for box in (box for of_one in boxes for box in of_one):
            assert min(box.left, box.top) > -0.06
            assert max(box.right, box.bottom) < 1.06


def test_a_thing_that_is_said_to_be_blue_is_blue_where_its_box_is(world, scenes):
    coloured = 0
    for seed, scene in enumerate(scenes):
        if scene.style in ("line", "pixel art") or scene.ground not in COLOURS:
            continue
        seen = world.draw(scene, random.Random(seed))
        for figure, boxes in zip(scene.figures, seen.boxes, strict=True):
            if figure.colour:
                coloured += 1
                assert [nearest(inside(seen.picture, box)) for box in boxes] == [
                    figure.colour
                ] * figure.count
    assert coloured > 60


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("seed", range(6))
def test_the_first_of_two_stands_to_the_second_as_is_said(world, relation, seed):
    (first,), (second,) = drawn(
        world, Figure(CAT, "blue"), Figure(FOX, "green"), relation=relation, seed=seed
    ).boxes
    right, down = (b - a for a, b in zip(first.middle, second.middle, strict=True))
    assert {
        "left of": right > 0.3,
        "right of": right < -0.3,
        "above": down > 0.3,
        "below": down < -0.3,
        "next to": abs(right) > 0.3 and abs(down) < 0.35,
        "on": down > 0.2 and abs(first.bottom - second.top) < 0.08,
    }[relation]


def test_of_two_the_large_one_is_larger_wherever_it_stands(world):
    for seed in range(24):
        (small,), (large,) = drawn(
            world,
            Figure(CAT, size="small"),
            Figure(FOX, size="large"),
            relation=RELATIONS[seed % len(RELATIONS)],
            seed=seed,
        ).boxes
        assert large.side > 1.4 * small.side


@pytest.mark.parametrize(
    ("place", "axis", "low"), [("left", 0, True), ("right", 0, False), ("top", 1, True)]
)
def test_a_lone_thing_is_in_the_half_that_is_said(world, place, axis, low):
    for seed in range(10):
        ((box,),) = drawn(world, Figure(CAT), place=place, seed=seed).boxes
        assert (box.middle[axis] < 0.4) if low else (box.middle[axis] > 0.6)


def test_two_things_of_a_picture_never_cover_each_other(world, scenes):
    for seed, scene in enumerate(scenes[:200]):
        boxes = [box for one in world.draw(scene, random.Random(seed)).boxes for box in one]
        for at, box in enumerate(boxes):
            for other in boxes[at + 1 :]:
                wide = min(box.right, other.right) - max(box.left, other.left)
                high = min(box.bottom, other.bottom) - max(box.top, other.top)
                assert min(wide, high) < 0.12


@pytest.mark.parametrize("colour", COLOURS)
def test_a_drawing_takes_any_of_the_twelve_colours(colour):
    painted = recoloured(disc(COLOURS["red"]), colour)
    assert nearest(body(painted).mean) == colour or colour == "black"
    assert nearest(np.asarray(painted)[48, 30, :3]) == colour


def test_a_drawing_of_one_colour_has_its_name_and_a_motley_one_has_none():
    assert natural(disc(COLOURS["blue"])) == "blue"
    motley = Image.new("RGBA", (90, 90))
    for at, name in enumerate(("red", "yellow", "blue", "green", "purple", "pink")):
        motley.paste((*COLOURS[name], 255), (15 * at, 0, 15 * at + 15, 90))
    assert natural(motley) == ""
    assert recoloured(motley, "green") is None


def test_light_and_shadow_stay_when_a_drawing_is_recoloured():
    painted = np.asarray(recoloured(disc(COLOURS["red"]), "blue"), float)
    assert painted[70, 50, :3].sum() < 0.9 * painted[30, 30, :3].sum()


def test_pixel_art_is_made_of_large_pixels(world):
    pixels = np.asarray(drawn(world, Figure(APPLE), style="pixel art").picture)
    cells = pixels.reshape(16, 8, 16, 8, 3)
    assert (cells == cells[:, :1, :, :1]).all()


def test_a_silhouette_has_one_colour_and_lines_leave_the_ground_in_view():
    icon = disc(COLOURS["red"])
    filled = np.asarray(styles.silhouette(icon, COLOURS["green"]))
    assert {tuple(pixel[:3]) for pixel in filled[filled[..., 3] > 0]} == {COLOURS["green"]}
    lines = np.asarray(styles.line(icon))
    assert 0.01 < (lines[..., 3] > 100).mean() < 0.2


def test_lines_and_large_pixels_look_alike_at_every_size():
    inked = [
        (np.asarray(styles.line(disc(COLOURS["red"], side)))[..., 3] > 100).mean()
        for side in (144, 288)
    ]
    assert inked[1] == pytest.approx(inked[0], rel=0.35)
    noise = Image.effect_noise((256, 256), 90).convert("RGB")
    cells = np.asarray(styles.pixel_art(noise)).reshape(16, 16, 16, 16, 3)
    assert (cells == cells[:, :1, :, :1]).all()


def test_a_sticker_is_the_drawing_within_a_white_rim():
    icon = disc(COLOURS["red"])
    cut_out = styles.sticker(icon)
    middle = cut_out.height // 2
    row = np.asarray(cut_out)[middle]
    drawn_at = np.flatnonzero((row[:, 1] < 100) & (row[:, 3] > 0))
    assert tuple(row[drawn_at[0] - 3]) == (255, 255, 255, 255)
    assert cut_out.width > icon.width


@pytest.mark.parametrize("name", GROUNDS)
def test_a_ground_of_a_colour_has_it_and_a_place_has_several(name):
    picture = ground(name, PIXELS, random.Random(1))
    colours = {nearest(pixel) for pixel in np.asarray(picture)[::16, ::16].reshape(-1, 3)}
    assert colours == {name} if name in COLOURS else len(colours) > 1


def test_about_one_in_sixteen_is_held_out_and_none_on_white(world):
    dice = random.Random(0)
    anything = [world.any_scene(dice) for _ in range(3000)]
    coloured = [scene for scene in anything if scene.ground != "white"]
    assert 0.04 < sum(map(held_out, anything)) / len(coloured) < 0.085
    assert not any(held_out(scene) for scene in anything if scene.ground == "white")


def test_the_same_seed_draws_the_same_pictures(world):
    one, other = world.pictures_forever(5), world.pictures_forever(5)
    for _ in range(8):
        (_, first, said), (_, second, again) = next(one), next(other)
        assert said == again
        assert (as_array(first) == as_array(second)).all()


def test_every_style_comes_up_and_only_where_its_drawings_exist(world, scenes):
    assert {scene.style for scene in scenes} == set(STYLES)
    foxes = {key: value for key, value in world.icons.drawings.items() if key != ("fox", "bold")}
    bold = World(Icons(foxes), styles=["bold"])
    dice = random.Random(0)
    chosen = {figure.thing for _ in range(600) for figure in bold.any_scene(dice).figures}
    assert FOX not in chosen
    assert CAT in chosen


def test_icons_are_read_from_their_folder_without_their_empty_border(tmp_path):
    (tmp_path / "withheld/blob").mkdir(parents=True)
    disc(COLOURS["red"]).save(tmp_path / "withheld/blob/ice-cream.png")
    icons = Icons.read(tmp_path, WITHHELD)
    (read,) = icons.drawings.values()
    assert list(icons.drawings) == [("ice cream", "withheld/blob")]
    assert (read.icon.size, read.colour, read.recolourable) == ((81, 81), "red", True)
