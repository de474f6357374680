"""A second checkpoint that finishes the picture, against diffusers' stock pipelines with their
networks exchanged."""

from dataclasses import replace

import numpy as np
import pytest

from sdplay.engine.loop import Engine, Snapshot
from sdplay.errors import BadParams
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip(
    "torch", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)
diffusers = pytest.importorskip(
    "diffusers", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)

from sdplay.engine.torch.load import load  # noqa: E402
from sdplay.server.models import Machine, Models  # noqa: E402
from sdplay.server.render import Rendered, render  # noqa: E402
from sdplay.server.request import PictureRequest  # noqa: E402
from tests.oracle import job_of, latents, off, ours, stock  # noqa: E402
from tests.tiny_checkpoint import small_lora, small_refiner, small_sd, small_sdxl  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
SMALL = Params("a fox", "dog", "euler", 5, 4, 7, 64, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two SD checkpoints, SDXL and its refiner, and a LoRA for the first."""
    place = tmp_path_factory.mktemp("models")
    small_sd(place / "one", 0)
    small_sd(place / "two", 1)
    small_sdxl(place / "xl")
    small_refiner(place / "xl-refiner")
    (place / "loras").mkdir()
    small_lora(place / "loras/ink.safetensors", place / "one")
    return place


@pytest.fixture(scope="module")
def models(folder):
    return Models([str(folder)], Machine(device="cpu"))


def in_two(folder, names, job, at):
    """The last latent when the second model takes over after so many steps."""
    one, two = (Engine(load(str(folder / name), device="cpu")) for name in names)
    run = one.run(replace(job, snapshot_at=at))
    snapshot = next(event for event in run if isinstance(event, Snapshot))
    run.close()
    return ours(two, job, snapshot)


def rendered(models, **more):
    *_, last = render(models, PictureRequest(SMALL.with_(**more)), lambda: False)
    return last


@pytest.mark.parametrize(
    "name", ["euler", "euler_a", "dpmpp_2m_karras", "dpmpp_2m_sde", "heun", "unipc", "ddim"]
)
def test_the_second_model_goes_on_where_the_first_one_stopped(folder, name):
    job, pipe, other = (
        job_of(SCHEDULERS[name], steps=6),
        stock(folder / "one"),
        stock(folder / "two"),
    )
    meant = torch.cat(
        [other.encode_prompt(text, "cpu", 1, False)[0] for text in (job.negative, job.prompt)]
    )

    def exchange(pipe, step, time, tensors):
        if step == 2:
            pipe.unet, tensors["prompt_embeds"] = other.unet, meant
        return tensors

    theirs = latents(
        pipe,
        SCHEDULERS[name],
        job,
        width=96,
        height=64,
        callback_on_step_end=exchange,
        callback_on_step_end_tensor_inputs=["prompt_embeds"],
    )
    assert off(in_two(folder, ("one", "two"), job, 3), theirs) < 1e-3
    assert off(in_two(folder, ("one", "one"), job, 3), theirs) > 5e-3


def test_sdxl_and_its_refiner_are_the_stock_pair(folder):
    entry, job = SCHEDULERS["euler"], job_of(SCHEDULERS["euler"])
    share = {"width": 96, "height": 64, "denoising_end": 0.6}
    half = torch.from_numpy(latents(stock(folder / "xl"), entry, job, **share))
    theirs = latents(stock(folder / "xl-refiner"), entry, job, image=half, denoising_start=0.6)
    assert off(in_two(folder, ("xl", "xl-refiner"), job, 3), theirs) < 1e-3


def test_a_painted_picture_is_handed_over_at_its_share_of_the_steps(models, folder):
    *steps, last = render(
        models,
        PictureRequest(SMALL.with_(model="one", refiner="two", refiner_at=0.5), frames=True),
        lambda: 0,
    )
    engines = [Engine(load(str(folder / name), device="cpu")) for name in ("one", "two")]
    job = job_of(SCHEDULERS["euler"], prompt="a fox", negative="dog", seed=7, width=64)
    (snapshot,) = [
        e for e in engines[0].run(replace(job, snapshot_at=3)) if isinstance(e, Snapshot)
    ]
    *_, whole = engines[1].run(job, snapshot)
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]
    assert (len(last.frames), last.model[:3], last.warnings) == (5, "one", ())
    assert np.abs(np.asarray(last.image, int) - whole.pixels).max() <= 1


def test_hires_fix_comes_first_and_is_what_the_refiner_finishes(models):
    hires = {"model": "one", "hires_scale": 1.5, "hires_strength": 0.8}
    plain, refined = (
        rendered(models, **hires),
        rendered(models, **hires, refiner="two", refiner_at=0.5),
    )
    assert plain.image.size == refined.image.size == (96, 96)
    assert plain.image.tobytes() != refined.image.tobytes()


@pytest.mark.parametrize("refiner", ["two", "xl-refiner"])
def test_a_lora_stays_on_only_where_it_fits(models, refiner):
    last = rendered(models, prompt="a fox <lora:ink:1>", model="one", refiner=refiner)
    assert isinstance(last, Rendered)
    assert any("until it took over" in each for each in last.warnings) == (refiner == "xl-refiner")


def test_a_refiner_that_has_no_steps_left_is_told(models):
    assert (
        "No steps were left"
        in rendered(models, model="one", refiner="two", refiner_at=0.95).warnings[0]
    )


def test_a_refiner_for_other_latents_is_refused(models):
    with pytest.raises(BadParams, match="another kind of latent"):
        rendered(
            Models([*models.sources, "builtin"], models.machine),
            model="one",
            refiner="sdplay-icons",
        )


def test_a_refiner_paints_alone_too(models):
    assert rendered(models, model="xl-refiner").image.size == (64, 64)
