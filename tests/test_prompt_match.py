"""Prompt match: what a prompt names, what the judge sees, and what a comparison says of it."""

import io

import pytest
from PIL import Image

from sdplay.backends.builtin import Builtin
from sdplay.compare.axes import Setup
from sdplay.compare.evidence.findings import between, find_out
from sdplay.compare.evidence.prompt_match import Match, prompt_match
from sdplay.compare.exports.report import report
from sdplay.compare.plan import plan
from sdplay.compare.results import Result
from sdplay.engine.card import SHIPPED
from sdplay.engine.judge.names import ThingNames
from sdplay.params import Params
from sdplay.picture import Picture
from sdplay.sweeps.judged import judge, matched_by, things_of

BASE = Setup("builtin", Params("a cat", steps=12, cfg=2.5, width=128, height=128, seed=1))
NAMES = ThingNames(("cat", "fire truck", "truck"), {n: n for n in ("cat", "fire truck", "truck")})


def answered(axes, surely, base=BASE):
    """What a comparison says whose pictures the judge answers with these numbers."""
    planned = plan(base, axes)
    results = {cell.at: Result(cell, "made", picture="x") for cell in planned.cells}

    def matched(result):
        sure = surely(result.cell.params)
        return None if sure is None else Match(("cat",), sure)

    return prompt_match(planned, results, matched)


@pytest.mark.parametrize(
    ("prompt", "things"),
    [
        ("a Cat, flat style", ("cat",)),
        ("(cat:1.3) and a fire truck", ("cat", "fire truck")),
        ("truck, truck and cat", ("truck", "cat")),
        ("a category", ()),
        ("кошка", ()),
        ("", ()),
    ],
)
def test_a_prompt_names_things_by_whole_words_the_longest_first(prompt, things):
    assert NAMES.prompted(prompt) == things


def test_the_shipped_judge_is_small_and_knows_other_words_for_its_things():
    assert (SHIPPED / "judge.onnx").stat().st_size <= 3_000_000
    names = judge().names
    assert names.prompted("two kittens beside a puppy") == ("cat", "dog")
    assert set(names.known_as.values()) == set(names.things)


@pytest.fixture(scope="module")
def painted():
    """Pictures of three things by the built-in model."""

    def paint(word):
        events = Builtin().generate(BASE.params.with_(prompt=f"a {word}, flat style"))
        picture = next(event for event in events if isinstance(event, Picture))
        return Image.open(io.BytesIO(picture.data))

    return {word: paint(word) for word in ("cat", "apple", "rocket")}


def test_the_judge_names_what_is_there_and_not_what_is_not(painted):
    for word, picture in painted.items():
        assert judge().sure(picture, (word,)) > 0.5
        for other in painted.keys() - {word}:
            assert judge().sure(picture, (other,)) < 0.2
            assert judge().sure(picture, (word, other)) < 0.2


def test_a_grey_picture_shows_nothing():
    assert judge().sure(Image.new("RGB", (128, 128), "grey"), ("cat",)) < 0.5


def test_only_the_built_in_models_finished_pictures_are_judged():
    def things(backend, state="made"):
        cell = plan(Setup(backend, BASE.params), [("cfg", "1, 5")]).cells[0]
        return things_of(Result(cell, state))

    assert things("builtin") == ("cat",)
    assert things("a1111") == ()
    assert things("builtin", "failed") == ()


def test_pictures_that_name_nothing_known_say_nothing():
    assert answered([("cfg", "1, 5")], lambda params: None) is None
    planned = plan(Setup("builtin", Params("a storm of light")), [("cfg", "1, 5")])
    results = {cell.at: Result(cell, "made") for cell in planned.cells}
    grey = Image.new("RGB", (64, 64))
    found = find_out(
        planned,
        results,
        between(lambda result: grey),
        matched=matched_by(lambda result: grey),
    )
    assert found.matching is None


@pytest.mark.parametrize(
    ("surely", "sentence"),
    [
        (lambda params: 0.9, "The judge names the prompted thing in all 8 pictures."),
        (lambda params: 0.1, "The judge names the prompted thing in none of 8 pictures."),
        (
            lambda params: 0.9 if params.cfg > 1 else 0.2,
            "The judge names the prompted thing in 6 of 8 pictures: at CFG 1 in 0 of 2, at CFG 2 "
            "in 2 of 2.",
        ),
        (
            lambda params: 0.9 if (params.cfg, params.steps) != (1, 4) else 0.2,
            "The judge names the prompted thing in 7 of 8 pictures: at CFG 1 in 1 of 2, at CFG 2 "
            "in 2 of 2.",
        ),
        (
            lambda params: 0.9 if (params.cfg > 2) == (params.steps > 4) else 0.2,
            "The judge names the prompted thing in 4 of 8 pictures; no setting decides it alone.",
        ),
    ],
)
def test_one_sentence_says_how_often_and_what_decides(surely, sentence):
    assert answered([("cfg", "1, 2, 4, 8"), ("steps", "4, 9")], surely).sentence == sentence


def test_lines_are_means_over_seeds_one_for_each_place_on_the_other_axes():
    axes = [("cfg", "1, 4"), ("scheduler", "euler, ddim"), ("seed", "1, 2")]
    matching = answered(axes, lambda params: params.cfg / 4 if params.seed == 1 else 0.0)
    assert matching.across == {"cfg": "CFG scale"}
    levels = list(matching.levels("cfg"))
    assert [(level.line, level.value, level.match) for level in levels] == [
        ("DDIM", 1.0, 0.125),
        ("DDIM", 4.0, 0.5),
        ("Euler", 1.0, 0.125),
        ("Euler", 4.0, 0.5),
    ]


def test_a_number_of_the_server_has_no_place_on_the_axis():
    matching = answered([("clip_skip", "own, 2")], lambda params: 0.9)
    assert [level.value for level in matching.levels("clip_skip")] == [2.0]


def test_what_was_really_made_is_matched(painted):
    planned = plan(BASE, [("prompt", '"a cat", "an apple"')])
    results = {cell.at: Result(cell, "made") for cell in planned.cells}
    pictures = {(0,): painted["cat"], (1,): painted["cat"]}
    matched = matched_by(lambda result: pictures[result.cell.at])
    found = find_out(planned, results, between(lambda result: painted["cat"]), matched=matched)
    assert found.matching.sentence in found.sentences
    assert "in 1 of 2 pictures" in found.matching.sentence


def test_the_report_draws_it_over_every_amount(painted):
    planned = plan(BASE, [("cfg", "1, 2, 4"), ("steps", "4, 9, 16")])
    results = {cell.at: Result(cell, "made") for cell in planned.cells}

    def picture(result):
        return painted["cat"]

    found = find_out(planned, results, between(picture), matched=matched_by(picture))
    page = report(planned, results, picture, findings=found)
    assert "Does it show what was prompted, over CFG scale?" in page
    assert "Does it show what was prompted, over Steps?" in page
    assert found.matching.sentence in page
