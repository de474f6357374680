"""Models of other families: a tiny Stable Diffusion 3 and FLUX in diffusers' own pipelines, one
picture at a time."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from sdplay.errors import BadParams
from sdplay.params import Control, Params
from sdplay.picture import png_bytes
from tests.local_process import until
from tests.making import colour

torch = pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
diffusers = pytest.importorskip(
    "diffusers", reason="the local process needs diffusers: pip install '.[local]'"
)
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

from sdplay.engine.loop import LoopJob, Made  # noqa: E402
from sdplay.engine.torch.load import load_stock  # noqa: E402
from sdplay.server.models import Machine, Models  # noqa: E402
from sdplay.server.queue import Queue  # noqa: E402
from sdplay.server.render import Rendered, render  # noqa: E402
from sdplay.server.request import PictureRequest, check  # noqa: E402
from tests.tiny_checkpoint import small_flux, small_sd, small_sd3  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
PLAIN = Params("a fox", "dog", "flow_euler", 4, 4, 7, 64, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    small_sd(place / "sd")
    small_sd3(place / "sd3")
    return place


@pytest.fixture(scope="module")
def models(folder):
    return Models([str(folder / "sd3"), str(folder / "sd")], Machine(device="cpu"))


def rendered(models, **more):
    return list(render(models, PictureRequest(PLAIN.with_(**more)), lambda: False))


def stock(folder, **more):
    pipe = diffusers.StableDiffusion3Pipeline.from_pretrained(
        folder / "sd3", text_encoder_3=None, tokenizer_3=None, torch_dtype=torch.float32
    )
    family = diffusers.StableDiffusion3Img2ImgPipeline.from_pipe(pipe) if "image" in more else pipe
    return family(
        "a fox",
        negative_prompt="dog",
        width=64,
        height=64,
        num_inference_steps=4,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(7),
        **more,
    ).images[0]


def test_a_picture_is_the_stock_pipelines_with_its_steps(models, folder):
    *steps, last = rendered(models)
    assert last.image.tobytes() == stock(folder).tobytes()
    assert ([(step.step, step.steps) for step in steps], last.warnings) == (
        [(at, 4) for at in (1, 2, 3, 4)],
        (),
    )
    assert last.version.startswith("sd3 [")


def test_a_start_image_is_painted_over_as_in_the_stock_pipeline(models, folder):
    start = Image.fromarray(np.random.default_rng(2).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    *steps, last = rendered(models, init=png_bytes(start), strength=0.5)
    assert last.image.tobytes() == stock(folder, image=start, strength=0.5).tobytes()
    assert len(steps) == 2


def test_what_is_left_out_is_told_and_not_claimed(models):
    *_, last = rendered(
        models, scheduler="dpmpp_2m_karras", clip_skip=2, prompt="a fox <lora:ink:1>", eta=0.5
    )
    *_, brackets = rendered(models, prompt="a (fox)")
    *_, plain = rendered(models)
    assert last.image.tobytes() == plain.image.tobytes()
    assert (last.params.scheduler, last.params.clip_skip, last.params.prompt) == (
        "flow_euler",
        1,
        "a fox",
    )
    assert [each.partition(":")[0] for each in last.warnings] == [
        "Clip skip",
        "Eta",
        "LoRA",
        "Scheduler",
    ]
    assert brackets.warnings == (
        "Emphasis: StableDiffusion3 reads the brackets of the prompt as they stand.",
    )


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    place = tmp_path_factory.mktemp("flux")
    small_flux(place / "dev")
    small_flux(place / "schnell", guided=False)
    return Models([str(place)], Machine(device="cpu"))


@pytest.mark.parametrize("start", [None, colour()])
def test_flux_paints_from_words_and_from_a_picture_as_in_the_stock_pipeline(flux, start):
    ours, theirs = (
        ({"init": png_bytes(start), "strength": 0.5}, {"image": start, "strength": 0.5})
        if start
        else ({}, {})
    )
    *_, last = rendered(flux, model="dev", negative="", **ours)
    pipe = diffusers.FluxPipeline.from_pretrained(flux.named("dev").source)
    family = diffusers.FluxImg2ImgPipeline.from_pipe(pipe) if start else pipe
    image = family(
        "a fox",
        width=64,
        height=64,
        num_inference_steps=4,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(7),
        **theirs,
    ).images[0]
    assert (last.image.tobytes(), last.warnings) == (image.tobytes(), ())


@pytest.mark.parametrize(
    ("model", "left_out"),
    [("dev", ["Negative prompt"]), ("schnell", ["Negative prompt", "CFG scale"])],
)
def test_flux_tells_what_it_has_not_learned(flux, model, left_out):
    *_, last = rendered(flux, model=model, width=72)
    *told, size = (each.partition(":")[0] for each in last.warnings)
    assert (told, last.image.size) == (left_out, (64, 64))
    assert size.startswith("Flux takes only some sizes")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"hires_scale": 2.0}, "without hires fix"),
        ({"refiner": "sd"}, "without refiners"),
        ({"control": (Control(png_bytes(colour()), "lines"),)}, "without ControlNets"),
        ({"width": 72}, "does not take these settings.*divisible"),
    ],
)
def test_what_would_be_another_picture_is_refused(models, more, says):
    with pytest.raises(BadParams, match=says):
        rendered(models, **more)


def test_it_is_no_refiner_and_its_scheduler_fits_no_other_family(models):
    with pytest.raises(BadParams, match="is no refiner"):
        rendered(models, model="sd", scheduler="euler", refiner="sd3", refiner_at=0.5)
    with pytest.raises(BadParams, match="Choose Euler"):
        check(PLAIN.with_(model="sd"), models)
    check(PLAIN, models)


def test_closing_early_stops_the_pipeline_and_the_next_picture_comes(models):
    run = render(models, PictureRequest(PLAIN.with_(steps=200)), lambda: False)
    assert next(run).steps == 200
    run.close()
    assert isinstance(rendered(models)[-1], Rendered)
    assert not any(thread.name == "stock" for thread in threading.enumerate())


def test_people_go_before_sweeps_and_only_one_picture_is_made_at_a_time(folder):
    model, order = load_stock(str(folder / "sd3"), device="cpu"), []
    first = model.run(LoopJob("a fox", "", 30, width=64, height=64))
    next(first)

    def work(name, urgent):
        list(model.run(LoopJob("a fox", "", 2, width=64, height=64, urgent=urgent)))
        order.append(name)

    threads = [
        threading.Thread(target=work, args=each)
        for each in (("cell", False), ("cell", False), ("person", True))
    ]
    for thread in threads:
        thread.start()
    while len(model._line) < 3:
        time.sleep(0.01)
    assert order == []
    assert any(isinstance(event, Made) for event in first)
    for thread in threads:
        thread.join()
    assert order[0] == "person"


def test_a_pipeline_whose_thread_dies_ends_the_picture_that_waits_for_it(folder):
    model = load_stock(str(folder / "sd3"), device="cpu")

    def dying(job):
        raise SystemExit

    model._pipe_for = dying
    with pytest.raises(SystemExit):
        list(model.run(LoopJob("a fox", "", 2, width=64, height=64)))


def test_owners_take_turns_at_a_pipeline(folder):
    model, order = load_stock(str(folder / "sd3"), device="cpu"), []
    first = model.run(LoopJob("a fox", "", 30, width=64, height=64, owner="ann"))
    next(first)

    def work(owner):
        list(model.run(LoopJob("a fox", "", 1, width=64, height=64, owner=owner)))
        order.append(owner)

    threads = []
    for owner in ("ann", "ann", "ann", "bob"):
        threads.append(threading.Thread(target=work, args=(owner,)))
        threads[-1].start()
        while len(model._line) < len(threads):
            time.sleep(0.01)
    assert any(isinstance(event, Made) for event in first)
    for thread in threads:
        thread.join()
    assert order[0] == "bob"


def test_waiting_pictures_can_be_cancelled(models):
    queue = Queue(models)
    tickets = queue.submit(
        *[PictureRequest(PLAIN.with_(steps=200, seed=seed), urgent=False) for seed in range(3)]
    )
    for ticket in tickets:
        queue.cancel(ticket)
    (after,) = queue.submit(PictureRequest(PLAIN))
    until(lambda: all(ticket.over for ticket in (after, *tickets)))
    assert (after.state, {ticket.state for ticket in tickets}) == ("done", {"cancelled"})


def test_half_a_model_is_told(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(BadParams, match="The FluxPipeline .* could not be loaded"):
        load_stock(str(tmp_path), device="cpu")


def test_a_thread_that_dies_of_its_picture_hands_the_fault_over(models, monkeypatch):
    with models.engine("sd3") as engine:

        def no_picture(**_):
            raise SystemExit

        monkeypatch.setattr(type(engine.pipe), "__call__", lambda *_, **__: no_picture())
        job = LoopJob("a fox", "flow_euler", 2, cfg=4.0, width=64, height=64)
        with pytest.raises(SystemExit):
            list(engine.run(job))
