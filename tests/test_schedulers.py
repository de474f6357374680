"""The scheduler table: one id per entry, every dialect's name leads to it."""

import pytest

from sdplay.engine.samplers import SPREADS, Levels, noise_levels
from sdplay.errors import BadParams
from sdplay.schedulers import OCTOAI, PRESETS, SCHEDULERS, find, known


@pytest.mark.parametrize("entry", SCHEDULERS.values(), ids=SCHEDULERS)
def test_every_name_of_a_scheduler_finds_it(entry):
    assert {name: find(name).id for name in entry.names()} == dict.fromkeys(entry.names(), entry.id)


@pytest.mark.parametrize("entry", SCHEDULERS.values(), ids=SCHEDULERS)
def test_every_scheduler_is_explained_in_sentences(entry):
    assert entry.about.count(". ") >= 1
    assert ("Never settles" in entry.about) == entry.stochastic


@pytest.mark.parametrize("entry", SCHEDULERS.values(), ids=SCHEDULERS)
def test_every_scheduler_says_where_to_read_about_it(entry):
    assert all(source.url.startswith("https://") and source.title for source in entry.sources)


def test_a_spacing_of_steps_has_a_source_of_its_own():
    solver, spacing = find("DPM++ 2M Karras").sources
    assert (solver, spacing.title) == (
        find("DPM++ 2M").sources[0],
        "its spacing, Karras et al. 2022",
    )


@pytest.mark.parametrize("spacing", SPREADS)
def test_noise_falls_from_the_models_largest_to_its_smallest(spacing):
    levels = Levels.scaled_linear()
    drawn = noise_levels("euler", spacing, 12, levels)
    assert drawn == sorted(drawn, reverse=True)
    assert [drawn[0], drawn[-1]] == pytest.approx([levels.sigmas.max(), levels.sigmas.min()])


def test_octoai_names_are_six_different_schedulers():
    assert [find(name).id for name in OCTOAI] == [
        "pndm",
        "lms",
        "ddim",
        "euler",
        "euler_a",
        "dpmpp_2m",
    ]


def test_split_names_of_a1111_find_the_same_as_the_old_combined_ones():
    assert find("DPM++ 2M", "Karras") == find("DPM++ 2M Karras") == SCHEDULERS["dpmpp_2m_karras"]
    assert find("DPM++ 2M", "uniform") == SCHEDULERS["dpmpp_2m"]


def test_a_sampler_with_its_plain_schedule_is_the_sampler():
    assert find("euler_a discrete") is find("Euler a")
    assert find("DPM++ 2M uniform") is find("dpm++ 2m", "discrete")


def test_a_schedule_nobody_has_is_not_found():
    assert find("Euler a", "karras") is None


def test_heun_and_pndm_cost_more_evaluations_than_steps():
    assert [SCHEDULERS[name].evaluations(20) for name in ("euler", "heun", "pndm")] == [20, 39, 21]


def test_an_unknown_scheduler_is_answered_with_the_choices():
    with pytest.raises(BadParams, match="no scheduler called 'foo'.*dpmpp_2m_karras"):
        known("foo")


def test_presets_name_known_schedulers():
    assert all(scheduler in SCHEDULERS for scheduler, _ in PRESETS)
