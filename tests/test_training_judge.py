"""The judge and the table that it fills: what it is taught, what it reports, what is right."""

import json
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("diffusers", reason="training needs the extra 'train'")
pytest.importorskip("onnxscript", reason="training needs the extra 'train'")
onnxruntime = pytest.importorskip("onnxruntime", reason="the engine runs on onnxruntime")

from sdplay.training.judging import (  # noqa: E402
    album,
    evaluate,
    judge,
    learning,
    likeness,
    negatives,
    prompts,
)
from sdplay.training.judging.eyes import Eyes  # noqa: E402
from sdplay.training.judging.prompts import Ask  # noqa: E402
from sdplay.training.log import Log, load  # noqa: E402
from sdplay.training.networks import autoencoder  # noqa: E402
from sdplay.training.pictures.captions import caption  # noqa: E402
from sdplay.training.pictures.colours import COLOURS  # noqa: E402
from sdplay.training.pictures.icons import (  # noqa: E402
    DRAWN,
    WITHHELD,
    Icons,
    drawing,
    things,
)
from sdplay.training.pictures.scenes import Figure, Scene, held_out  # noqa: E402
from sdplay.training.pictures.styles import MADE  # noqa: E402
from sdplay.training.pictures.world import World  # noqa: E402

# Two threads that wait for each other lose most where other tests share the cores.
torch.set_num_threads(1)

CAT, DOG = (next(t for t in things() if t.word == word) for word in ("cat", "dog"))
WORDS = [thing.word for thing in things()]


@pytest.fixture(scope="module")
def world():
    icon = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    ImageDraw.Draw(icon).ellipse((0, 0, 59, 59), fill=COLOURS["red"])
    red = drawing(icon)
    return World(Icons({(thing.word, name): red for thing in things() for name in DRAWN}))


@pytest.fixture(scope="module")
def asks(world):
    return prompts.prompts(world)


class Seer(torch.nn.Module):
    """A judge that sees what it is told to see: word, colour, place across and down."""

    def __init__(self, *seen):
        super().__init__()
        self.seen = seen

    def forward(self, pixels):
        cells = (len(pixels), judge.CELLS, judge.CELLS)
        present = torch.full((cells[0], 1, *cells[1:]), -6.0)
        named = torch.zeros(cells[0], len(WORDS), *cells[1:])
        coloured = torch.zeros(cells[0], len(COLOURS), *cells[1:])
        for word, colour, x, y in self.seen:
            present[:, :, y, x] = 3
            named[:, WORDS.index(word), y, x] = 5
            coloured[:, list(COLOURS).index(colour), y, x] = 5
        return present, named, coloured, present


def seen_by(*seen):
    return judge.sightings(Seer(*seen), [Image.new("RGB", (128, 128))])[0]


def verdict(table, scene, *seen):
    return dict(evaluate._verdicts(Ask("", scene, table), seen_by(*seen)))


def test_the_judge_reports_each_thing_once_with_its_name_colour_and_place():
    one, other = sorted(seen_by(("cat", "blue", 2, 5), ("dog", "red", 9, 5)), key=lambda s: s.x)
    assert (one.things[0], one.colour, round(one.x, 2)) == ("cat", "blue", 0.21)
    assert (other.things[0], other.colour, round(other.y, 2)) == ("dog", "red", 0.46)


def test_a_judge_that_is_sure_of_nothing_still_names_the_likeliest_thing():
    assert len(seen_by()) == 1


def test_targets_stand_where_the_boxes_are(world):
    scene = Scene((Figure(CAT, "blue"), Figure(DOG)), "flat", "white", relation="left of")
    drawn = world.draw(scene, random.Random(1))
    targets = album.Targets.of(scene, drawn)
    for (box,), word, colour in zip(drawn.boxes, ("cat", "dog"), ("blue", None), strict=True):
        x, y = (int(middle * judge.CELLS) for middle in box.middle)
        assert targets.present[y, x] == 1
        assert targets.things[y, x] == WORDS.index(word)
        assert targets.colours[y, x] == (list(COLOURS).index(colour) if colour else -1)
    assert targets.things[0, 0] == -1


def test_one_drawing_of_each_thing_is_kept_for_the_judges_exam(tmp_path):
    for word, name in ((word, name) for word in ("cat", "dog") for name in (*DRAWN, *WITHHELD)):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (20, 20), "red").save(tmp_path / name / f"{word}.png")
    taught, examined = album.taught(tmp_path).icons, album.examined(tmp_path).icons
    assert sorted(word for word, _ in examined.drawings) == ["cat", "dog"]
    assert {name for _, name in examined.drawings} <= set(DRAWN)
    assert not set(taught.drawings) & set(examined.drawings)
    assert len(taught.drawings) == 2 * len((*DRAWN, *WITHHELD)) - 2


def test_an_album_keeps_pictures_with_what_is_right_about_them(world, tmp_path, monkeypatch):
    monkeypatch.setattr(album, "PICTURES", 8)
    album.fill(world, autoencoder.build(), tmp_path, 2, Log(tmp_path))
    kept = album.Album.read(tmp_path)
    assert kept.pixels.shape == (16, 3, judge.SIDE, judge.SIDE)
    again = next(album._drawn(world, random.Random(1)))[1]
    assert all(
        torch.equal(getattr(kept.targets, name)[8], getattr(again, name))
        for name in album.Targets.names()
    )


def test_in_a_mirror_things_stand_on_the_other_side():
    pixels, maps = torch.zeros(1, 3, 96, 96), torch.zeros(1, 12, 12)
    pixels[..., 0], maps[..., 0] = 255, 1
    book = album.Album(pixels, album.Targets(maps, maps, maps))
    sides = set()
    for seed in range(12):
        seen, targets = book.batch(1, random.Random(seed))
        left = seen[0, 0, 0, 0] > 0
        assert left == (targets.things[0, 0, 0] == 1)
        sides.add(bool(left))
    assert sides == {True, False}


def test_a_judge_goes_on_where_it_was_and_cools_once(world, tmp_path, monkeypatch):
    monkeypatch.setattr(album, "PICTURES", 8)
    album.fill(world, autoencoder.build(), tmp_path / "album", 1, Log(tmp_path))
    book = album.Album.read(tmp_path / "album")
    learning.train(book, tmp_path, 60, learning.BATCH, Log(tmp_path))
    assert load(tmp_path / "judge.pt")["seen"] == learning.BATCH
    with pytest.raises(SystemExit, match="cooled to its end"):
        learning.train(book, tmp_path, 60, 2 * learning.BATCH, Log(tmp_path))
    assert len(judge.sightings(learning.read(tmp_path), [Image.new("RGB", (128, 128))])) == 1


def test_melting_bends_a_picture_more_the_more_it_is_asked_to():
    stripes = torch.tensor([1.0, -1.0]).repeat(48).repeat_interleave(1)[None, None, None, :]
    pixels = stripes.expand(2, 3, 96, 96)
    away = [
        float((judge.melted(pixels, amount, random.Random(1)) - pixels).abs().mean())
        for amount in (0.0, 0.003, 0.1)
    ]
    assert away[0] < 1e-3 < away[1] < away[2]


def test_a_judge_learns_nothing_of_what_melted_things_are():
    model = judge.Judge(len(WORDS))
    maps = torch.full((2, judge.CELLS, judge.CELLS), -1)
    maps[:, 5, 5] = 7
    present = torch.zeros(2, judge.CELLS, judge.CELLS)
    present[:, 5, 5] = 1
    none = torch.full_like(maps, -1)
    targets = album.Targets(present, maps, none)
    pixels = torch.rand(2, 3, judge.SIDE, judge.SIDE)
    loss, _ = learning.loss_of(model, pixels, targets, torch.tensor([0.0, 1.0]))
    grown, _ = torch.autograd.grad(loss, [model.things.weight, model.whole.weight])
    assert torch.isfinite(loss)
    assert float(grown.abs().sum()) > 0


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    model, file = judge.Judge(len(WORDS)).eval(), tmp_path_factory.mktemp("judge") / "judge.onnx"
    judge.export(model, file)
    return model, file


@pytest.mark.filterwarnings("ignore")
def test_the_exported_judge_is_small_and_says_the_same(exported):
    model, file = exported
    pixels = torch.rand(3, 3, judge.SIDE, judge.SIDE) * 2 - 1
    session = onnxruntime.InferenceSession(str(file))
    with torch.no_grad():
        theirs = model(pixels)
    ours = session.run(None, {"pixels": pixels.numpy()})
    assert file.stat().st_size < 3_000_000
    assert all(np.abs(a - b.numpy()).max() < 0.02 for a, b in zip(ours, theirs, strict=True))
    assert session.get_modelmeta().custom_metadata_map["things"].split("\n") == WORDS


def test_the_prompts_are_always_the_same_and_nobody_was_trained_on_them(world, asks):
    assert asks == prompts.prompts(world)
    fresh = ("one thing", "both of two", "colour", "count", "position", "style")
    assert {ask.table for ask in asks} >= set(fresh)
    assert all(held_out(ask.scene) for ask in asks if ask.table in fresh)


def test_synonyms_are_words_that_no_caption_uses(asks):
    taught = {name for thing in things() for name in (thing.word, *thing.also)}
    asked = [ask.prompt.split(" ", 1)[1] for ask in asks if ask.table == "synonyms"]
    assert len(asked) >= 50
    assert not taught & set(asked)
    assert caption(Scene((Figure(CAT),), "flat", "white"), random.Random(0))


@pytest.mark.parametrize("table", ["count", "colour", "position", "style"])
def test_every_table_has_enough_prompts(asks, table):
    assert sum(ask.table == table for ask in asks) >= 30


def test_two_things_are_right_only_when_both_are_seen():
    scene = Scene((Figure(CAT), Figure(DOG)), "flat", "white")
    both = (("cat", "red", 2, 5), ("dog", "red", 9, 5))
    assert verdict("both of two", scene, *both)["both of two"]
    assert not verdict("both of two", scene, both[0])["both of two"]


@pytest.mark.parametrize(
    ("relation", "at", "right"),
    [
        ("left of", (2, 5), True),
        ("right of", (2, 5), False),
        ("above", (2, 5), False),
        ("above", (9, 1), True),
        ("below", (9, 10), True),
    ],
)
def test_a_position_is_right_where_the_first_thing_stands_so(relation, at, right):
    scene = Scene((Figure(CAT), Figure(DOG)), "flat", "white", relation)
    seen = (("cat", "red", *at), ("dog", "red", 9, 5))
    assert verdict("position", scene, *seen)["position"] == right


def test_a_count_is_the_number_of_things_seen():
    cats = Scene((Figure(CAT, count=2),), "flat", "white")
    assert verdict("count", cats, ("cat", "red", 2, 5), ("cat", "red", 9, 5))["count"]
    assert not verdict("count", cats, ("cat", "red", 2, 5))["count"]


class Painter:
    """A pipeline that paints red, or blue where it is told not to, and notes what it was asked."""

    def __init__(self):
        self.vae = autoencoder.build().eval()
        self.asked = []

    def __call__(self, said, *, negative_prompt, generator, width, height, **more):
        seeds = [dice.initial_seed() for dice in generator]
        self.asked += zip(said, negative_prompt, seeds, strict=True)
        colours = ["blue" if "red" in against else "red" for against in negative_prompt]
        images = [Image.new("RGB", (width, height), COLOURS[colour]) for colour in colours]
        return SimpleNamespace(images=images)


@pytest.fixture(scope="module")
def evaluated(world, tmp_path_factory):
    out, painter = tmp_path_factory.mktemp("out"), Painter()
    seer = Seer(("cat", "red", 5, 5))
    shares = evaluate.evaluate(world, seer, painter, out, Log(out), share=0.05)
    return out, painter, shares


def test_every_prompt_is_painted_with_a_seed_of_its_own(evaluated):
    _, painter, _ = evaluated
    seeds = [seed for _, negative, seed in painter.asked if not negative]
    assert len(seeds) > 100
    assert len(set(seeds)) == len(seeds)


def test_an_evaluation_fills_every_row_that_has_a_target(evaluated):
    out, _, shares = evaluated
    assert set(evaluate.TARGETS) <= set(shares)
    assert json.loads((out / "evaluation.json").read_text("utf-8")) == shares
    assert (out / "evaluation.png").is_file()


def test_what_a_negative_prompt_names_is_gone_where_it_is_seen_no_more(world):
    """This painter heeds a negative prompt in the ground's colour, and in nothing else."""
    eyes, painter = Eyes(Seer(("cat", "red", 5, 5)), world), Painter()
    shares = negatives.removed(eyes, painter, 3)
    assert shares["removed: the ground"] == 1
    assert shares["removed: a style"] == 0
    assert shares["gone though another word is named"] == 0
    against = [negative for _, negative, _ in painter.asked if negative]
    assert against.count("red background") == 3


def shape(sides, inside):
    """A drawing of so many sides, half of it in another colour."""
    icon = Image.new("RGBA", (90, 90), (0, 0, 0, 0))
    pen = ImageDraw.Draw(icon)
    pen.regular_polygon((45, 45, 44), sides, fill=(200, 60, 60))
    pen.regular_polygon((45, 50, 20), 3, fill=inside)
    return drawing(icon)


@pytest.fixture(scope="module")
def two_sets():
    """One thing in two drawn styles."""
    drawings = {("cat", "flat"): shape(5, (60, 60, 200)), ("cat", "3d"): shape(4, (250, 240, 90))}
    return World(Icons(drawings))


@pytest.mark.parametrize("style", ["flat", "3d", *MADE])
@pytest.mark.parametrize("ground", ["white", "green"])
def test_a_style_is_that_of_the_drawing_which_a_picture_is_most_like(two_sets, style, ground):
    scene = Scene((Figure(CAT),), style, ground)
    for seed in range(4):
        picture = two_sets.draw(scene, random.Random(seed)).picture
        assert likeness.style_of(picture, replace(scene, style=""), two_sets) == style


@pytest.mark.parametrize("style", ["flat", "pixel art"])
def test_soft_edges_between_large_pixels_still_are_pixel_art(two_sets, style):
    """As the autoencoder gives them back."""
    scene = Scene((Figure(CAT),), style, "green")
    picture = two_sets.draw(scene, random.Random(0)).picture
    soft = picture.filter(ImageFilter.GaussianBlur(1))
    assert likeness.on_grid(soft) < 0.6
    assert (likeness.style_of(soft, scene, two_sets) == "pixel art") == (style == "pixel art")


def test_a_ground_is_known_by_the_rim_and_cut_away(two_sets):
    picture = two_sets.draw(Scene((Figure(CAT),), "flat", "green"), random.Random(0)).picture
    eyes = Eyes(Seer(), two_sets)
    assert eyes.ground(picture) == "green"
    assert eyes.colour(picture) == "red"
    assert likeness.cut_out(picture).getpixel((1, 1))[3] == 0


def test_the_table_sets_what_was_reached_beside_the_target():
    shares = {"count": 0.5, "one thing: top 5": 0.9, "autoencoder PSNR": 30.5}
    best = {"count": 1.0, "one thing: top 5": 0.95}
    columns = {"reached": shares, "true drawings": best, "target": evaluate.TARGETS}
    assert evaluate.table_of(columns).splitlines() == [
        "| asked | reached | true drawings | target |",
        "| --- | ---: | ---: | ---: |",
        "| count | 50% | 100% | 80% |",
        "| one thing: top 5 | 90% | 95% |  |",
        "| autoencoder PSNR | 30.5 |  | 32 |",
    ]
