"""Coarse to fine, word by word, repeats and two backends: what each finds, on surfaces that are
known and on the built-in model."""

import math
from dataclasses import replace

import pytest
from PIL import Image

from sdplay.backends.builtin import Builtin
from sdplay.compare.axes import Offer, Setup, axis
from sdplay.compare.evidence.contribution import word_by_word
from sdplay.compare.evidence.findings import between, find_out
from sdplay.compare.evidence.latency import latencies
from sdplay.compare.evidence.measures import COLOUR, Difference, pixels_hash
from sdplay.compare.evidence.parity import parities
from sdplay.compare.experiment import read_experiment, write_experiment
from sdplay.compare.explore import prompt_parts
from sdplay.compare.explore.refine import CoarseToFine, refinable, refined_sentence
from sdplay.compare.explore.sift import without
from sdplay.compare.plan import plan
from sdplay.compare.planfile import outline, plan_of
from sdplay.compare.results import SPARED, Result
from sdplay.errors import BadParams
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Timing, png_bytes
from sdplay.sweeps import Bench, Speeds, Sweep
from tests.making import Painter

BASE = Setup("builtin", Params("a red fox in snow", width=96, height=96, seed=3))
WIDE = plan(BASE, [("steps", "1-33"), ("cfg", "1-17(+0.5)")])


def explored(planned, surface):
    """The cells that coarse to fine asks for on a surface of numbers."""
    grid = CoarseToFine(planned)
    asked = set(grid.first())
    while more := grid.further(lambda left, right: abs(surface(left) - surface(right))):
        assert not asked & set(more)
        asked |= set(more)
    return asked


def disc(at):
    return float(math.hypot(at[0] - 15, at[1] - 17) < 9)


def slope(at):
    return float(at[1] > 0.4 * at[0] + 6)


def step(at):
    return float(at[0] > 12)


def still(at):
    return 0.7


@pytest.mark.parametrize("surface", [disc, slope, step])
def test_coarse_to_fine_finds_every_edge_with_two_fifths_of_the_cells(surface):
    """Each cell that was not made looks like the nearest one that was: no edge is elsewhere."""
    made, grid = explored(WIDE, surface), CoarseToFine(WIDE)
    wrong = [
        cell.at for cell in WIDE.cells if surface(grid.nearest(cell.at, made)) != surface(cell.at)
    ]
    assert wrong == []
    assert len(made) <= 0.4 * len(WIDE.cells)


def test_where_nothing_differs_the_sparse_grid_is_all():
    assert explored(WIDE, still) == set(CoarseToFine(WIDE).first())
    assert len(explored(WIDE, still)) < 0.1 * len(WIDE.cells)


def test_values_in_any_order_are_refined_by_their_amount():
    mixed = plan(BASE, [("steps", "33, 1, 2-32")])
    amounts = [mark.value for mark in mixed.varied[0].marks]
    asked = explored(mixed, lambda at: float(amounts[at[0]] > 20))
    assert {20, 21} <= {amounts[at] for (at,) in asked}
    assert len(asked) <= 0.4 * 33


def test_what_has_no_order_is_made_whole():
    planned = plan(BASE, [("scheduler", "euler, ddim, heun"), ("steps", "1-17")])
    first = CoarseToFine(planned).first()
    assert {at[0] for at in first} == {0, 1, 2}
    assert len(first) == 3 * 5
    assert not refinable(plan(BASE, [("seed", "1-50"), ("steps", "5, 10, 20")]))


def test_a_spared_cell_is_stood_for_by_the_nearest_made_one():
    grid = CoarseToFine(WIDE)
    assert grid.nearest((1, 1), grid.first()) == (0, 0)


@pytest.fixture
def jobs(tmp_path):
    library = Library(tmp_path)
    yield Jobs(library)
    library.close()


def swept(jobs, planned, backend):
    run = Sweep(planned, Bench({backend.name: backend}), jobs).start()
    assert run.wait(240), run.trouble
    return run


class Threshold(Painter):
    """Red from the 13th step on."""

    def generate(self, params):
        for event in super().generate(params.with_(seed=250 if params.steps > 12 else 0)):
            yield replace(event, params=params) if hasattr(event, "data") else event


def test_a_sweep_makes_only_the_cells_between_neighbours_that_differ(jobs):
    painter = Threshold()
    planned = replace(
        plan(Setup("painter", BASE.params), [("steps", "1-33"), ("seed", "1, 2")]), refine=True
    )
    run = swept(jobs, planned, painter)
    counts = run.counts()
    assert counts["made"] == len(painter.made) <= 0.4 * 66
    assert counts["made"] + counts[SPARED] == 66
    steps = {params.steps for params in painter.made}
    assert {12, 13} <= steps
    run.fill()
    assert run.wait(240)
    assert run.counts() == {"made": 66}


def test_a_recalled_sweep_spares_what_it_has_no_picture_of(jobs):
    planned = replace(plan(Setup("painter", BASE.params), [("steps", "1-17")]), refine=True)
    run = swept(jobs, planned, Threshold())
    pictures = {
        at: jobs.library.get(result.picture)
        for at, result in run.results().items()
        if result.picture
    }
    again = Sweep(planned, Bench({"painter": Threshold()}), jobs).recall(pictures)
    assert again.counts() == {"reused": len(pictures), SPARED: 17 - len(pictures)}


def test_a_cancelled_sweep_goes_on_from_coarse_to_fine(jobs):
    planned = replace(plan(Setup("painter", BASE.params), [("steps", "1-33")]), refine=True)
    run = Sweep(planned, Bench({"painter": Threshold(0.01)}), jobs).start()
    run.cancel()
    assert run.wait(240)
    run.retry()
    assert run.wait(240)
    assert run.counts()["made"] <= 0.4 * 33
    assert "failed" not in run.counts()


def test_coarse_to_fine_finds_where_the_built_in_model_changes(jobs):
    """With three steps over a start image, strength acts at every third of its way."""
    start = png_bytes(Image.radial_gradient("L").resize((96, 96)).convert("RGB"))
    base = Setup("builtin", BASE.params.with_(init=start, steps=3))
    whole = plan(base, [("strength", "0-1[65]")])
    full = swept(jobs, whole, Builtin())
    looks = [full.results()[(at,)].pixels for at in range(65)]
    edges = [at for at in range(64) if looks[at] != looks[at + 1]]
    assert len(edges) == 3
    library = Library(jobs.library.home / "other")
    spare = swept(Jobs(library), replace(whole, refine=True), Builtin())
    made = {at[0] for at, result in spare.results().items() if result.done}
    library.close()
    assert [at for at in edges if not {at, at + 1} <= made] == []
    assert len(made) <= 0.4 * 65


def test_the_sentence_says_how_much_was_saved():
    assert refined_sentence(9, 33) == (
        "Coarse to fine: 9 of 33 cells made (27 %); between those no neighbours differ by more "
        "than the eye sees."
    )


def test_a_plan_file_asks_for_coarse_to_fine():
    spec = plan_of({"base": {"prompt": "a fox"}, "refine": True})
    assert spec.refine
    assert plan_of(outline(replace(WIDE, refine=True))).refine
    assert not plan_of(outline(WIDE)).refine
    with pytest.raises(BadParams, match="refine is true or false in a plan, not 'yes'"):
        plan_of({"refine": "yes"})


@pytest.mark.parametrize(
    ("prompt", "part", "rest"),
    [
        ("a red fox in snow", "red", "a fox in snow"),
        ("a fox, in snow, old", "in snow", "a fox, old"),
        ("fox, a foxglove, fox", "fox", "a foxglove"),
        ("a (red:1.3) fox", "red", "a fox"),
        ("a [red] fox", "red", "a fox"),
        ("fox", "fox", ""),
    ],
)
def test_a_part_is_left_out_without_a_trace(prompt, part, rest):
    assert prompt_parts.without(prompt, part) == rest


def test_a_prompt_is_taken_apart_into_words_or_parts():
    assert prompt_parts.words("a (red:1.2) fox, a fox's <lora:ink:0.8>") == [
        "a",
        "red",
        "fox",
        "fox's",
        "<lora:ink:0.8>",
    ]
    assert prompt_parts.parts("a fox, in snow , in snow,") == ["a fox", "in snow"]


def test_each_word_of_the_base_prompt_is_left_out_once():
    planned = plan(BASE, [("prompt_without", "each word")])
    assert [cell.name for cell in planned.cells] == [
        "whole prompt",
        "without a",
        "without red",
        "without fox",
        "without in",
        "without snow",
    ]
    assert planned.cells[2].params.prompt == "a fox in snow"


def test_a_part_that_the_prompt_has_not_is_refused():
    with pytest.raises(BadParams, match="Prompt without: 'cat' is not in the prompt"):
        plan(BASE, [("prompt_without", "cat")])


def test_too_many_parts_are_refused_before_any_is_made():
    many = " ".join(f"word{at}" for at in range(70))
    with pytest.raises(BadParams, match="70 parts are too many"):
        axis("prompt_without").marks("each word", Offer(prompt=many))


def test_words_are_ranked_by_what_they_change_and_one_without_effect_scores_nothing(jobs):
    # The model reads no more words than it has places for: what comes after them does nothing.
    prompt = f"a red fox {'in snow ' * 60}zebra"
    base = Setup("builtin", BASE.params.with_(prompt=prompt, steps=6))
    planned = plan(base, [("prompt_without", "fox, red, zebra"), ("seed", "1-3")])
    run = swept(jobs, planned, Builtin())
    found = word_by_word(planned, run.results(), between(run._pixels))
    scores = {part.part: part.score for part in found.parts}
    assert scores["zebra"] == 0
    assert scores["fox"] > COLOUR.unseen
    assert [part.score for part in found.parts] == sorted(scores.values(), reverse=True)
    assert found.sentences[0].startswith(f"“{found.parts[0].part}” changes the picture most")
    assert "“zebra” changes nothing: without it the picture is the same." in found.sentences


def test_words_are_counted_where_all_have_a_picture():
    base = Setup("painter", BASE.params.with_(prompt="red fox"))
    planned = plan(base, [("prompt_without", "red, fox"), ("seed", "1-3")])
    results = {cell.at: Result(cell, "made", str(cell.at)) for cell in planned.cells}
    results[(1, 0)] = replace(results[(1, 0)], state="failed", pixels="")
    apart = {(1, 1): 0.9, (1, 2): 0.9, (2, 0): 0.99, (2, 1): 0.1, (2, 2): 0.1}

    def measured(whole, result):
        gap = apart[result.cell.at]
        return Difference(gap, 1 - gap, 10.0, gap, gap, gap, None)

    sentences = word_by_word(planned, results, measured).sentences
    assert sentences[0].startswith("“red” changes the picture most")
    assert sentences[1] == "It is the strongest in 2 of 2 comparisons."


def test_repeats_are_made_anew_each_time_though_the_library_has_the_picture(jobs):
    painter = Painter()
    base = Setup("painter", BASE.params.with_(steps=1))
    swept(jobs, plan(base, []), painter)
    bench = Bench({"painter": painter})
    speeds = Speeds(jobs.library.files.folder.parent / "speeds.json", jobs.estimates)
    planned = plan(base, [("repeat", "1-4")], bench.facts("painter", jobs.library, speeds))
    assert planned.pictures == 4
    run = Sweep(planned, bench, jobs).start()
    assert run.wait(240)
    assert run.counts() == {"made": 4}
    assert len(painter.made) == 5


def test_a_repeat_has_no_company(jobs):
    alone = []

    class Watched(Painter):
        def generate(self, params):
            alone.append(sum(job.state == "running" for job in jobs.of("")))
            yield from super().generate(params)

    backend = Watched()
    backend.probe = lambda: replace(Painter.probe(backend), at_once=4)
    swept(jobs, plan(Setup("painter", BASE.params), [("repeat", "1-6")]), backend)
    assert alone == [1] * 6


def timed(planned, seconds, pixels="x"):
    return {
        cell.at: Result(cell, "made", pixels, timing=Timing(total, queued=5.0))
        for cell, total in zip(planned.cells, seconds, strict=True)
    }


def test_the_first_picture_is_apart_from_median_and_p90():
    planned = plan(BASE, [("repeat", "1-11")])
    results = timed(planned, [9.0, *(5.0 + at / 10 for at in range(1, 11))])
    (cell,) = latencies(planned, results).cells
    assert cell.cold == pytest.approx(4.0)
    assert cell.median == pytest.approx(0.55)
    assert cell.p90 == pytest.approx(0.91)
    assert find_out(planned, results, lambda left, right: None).sentences == (
        "Median 0.55 s, nine in ten within 0.91 s over 10 repeats; the first, cold, took 4.00 s, "
        "7.3 times the median.",
        "Every repeat gave the same picture, pixel for pixel.",
    )


def test_a_first_picture_like_the_slowest_of_the_others_is_not_called_cold():
    planned = plan(BASE, [("repeat", "1-4")])
    (cell,) = latencies(planned, timed(planned, [7.0, 6.0, 6.0, 8.0])).cells
    assert cell.sentence.endswith("; the first took 2.00 s, no more than the slowest of them.")


def test_few_repeats_are_said_to_be_few_and_other_pixels_are_told():
    planned = plan(BASE, [("scheduler", "euler, ddim"), ("repeat", "1-3")])
    results = timed(planned, [6.0, 6.0, 6.0, 7.0, 6.0, 6.0])
    results[(1, 2)] = replace(results[(1, 2)], pixels="y")
    told = latencies(planned, results).sentences
    assert (
        told[0]
        == "Euler: median 1.00 s, nine in ten within 1.00 s over 2 repeats; the first was no "
        "slower (1.00 s)."
    )
    assert told[2].startswith("2 repeats are few to say what nine in ten take")
    assert told[3].startswith("The same settings gave up to 2 different pictures")


def judged(left, right, applied=({}, {})):
    planned = plan(BASE, [("backend", "one, two"), ("seed", "1, 2")])
    results = {
        cell.at: Result(
            cell,
            "made",
            pixels_hash((left, right)[cell.at[0]]),
            applied=applied[cell.at[0]],
        )
        for cell in planned.cells
    }
    pictures = between(lambda result: (left, right)[result.cell.at[0]])
    (parity,) = parities(planned, results, pictures)
    assert find_out(planned, results, pictures).explored == (parity.sentence,)
    return parity.sentence


RED, REDDISH, BLUE = (
    Image.new("RGB", (64, 64), colour) for colour in ("#c01010", "#c11111", "#1010c0")
)


def test_two_backends_that_agree_are_said_to_agree():
    assert judged(RED, RED) == "one and two give the same picture, pixel for pixel on all 2 cells."
    assert judged(RED, REDDISH).startswith(
        "one and two agree on all 2 cells: they differ less than the eye sees (colour distance"
    )


def test_two_backends_that_disagree_are_told_with_the_receipts_reason():
    told = judged(
        RED, BLUE, ({"scheduler": "euler", "steps": 20}, {"scheduler": "ddim", "steps": 20})
    )
    assert told.startswith("one and two ")
    assert "agree" not in told.split(":")[0] or "do not agree" in told
    assert told.endswith("Their receipts name a reason: scheduler euler on one, ddim on two.")


def test_a_cell_that_only_one_backend_made_is_counted_apart():
    planned = plan(BASE, [("backend", "one, two"), ("seed", "1, 2")])
    results = {cell.at: Result(cell, "made", "x") for cell in planned.cells}
    results[(1, 1)] = replace(results[(1, 1)], state="failed", pixels="")
    (parity,) = parities(planned, results, between(lambda result: RED))
    assert parity.sentence == (
        "one and two give the same picture, pixel for pixel. 1 more cell could not be compared: a "
        "picture is missing."
    )


def made_with(planned):
    return [(cell.setup.backend, cell.params) for cell in planned.cells]


GRID = plan(BASE, [("steps", "4, 8, 15"), ("scheduler", "euler, ddim")])


def test_whole_lines_that_are_rejected_leave_fewer_values():
    rest = without(GRID, {(1, 0), (1, 1)})
    assert [(varied.axis.id, varied.typed) for varied in rest.varied] == [
        ("steps", [4, 15]),
        ("scheduler", ["euler", "ddim"]),
    ]


def test_single_cells_that_are_rejected_leave_a_row_for_each_other():
    rest = without(GRID, {(1, 0), (2, 1)})
    staying = [cell for cell in GRID.cells if cell.at not in {(1, 0), (2, 1)}]
    assert made_with(rest) == made_with(replace(GRID, cells=tuple(staying)))
    assert [cell.labels for cell in rest.cells] == [(cell.name,) for cell in staying]


@pytest.mark.parametrize("rejected", [{(1, 0), (1, 1)}, {(1, 0), (2, 1)}])
def test_a_plan_without_the_rejected_cells_survives_its_file(rejected):
    rest = without(GRID, rejected)
    spec = read_experiment(write_experiment(rest, {})).spec
    again = plan(Setup(spec.backend, spec.params({}, {})), spec.axes)
    assert made_with(again) == made_with(rest)


def test_a_search_and_replace_axis_keeps_its_prompts_without_one_of_them():
    searched = plan(BASE, [("prompt_replace", "fox, owl, bear")])
    assert [cell.params.prompt for cell in without(searched, {(0,)}).cells] == [
        "a red owl in snow",
        "a red bear in snow",
    ]


def test_at_least_one_cell_stays():
    with pytest.raises(BadParams, match="Every cell is rejected"):
        without(GRID, {cell.at for cell in GRID.cells})
