"""The tick loop on the built-in model: company changes nothing, and one job's trouble is its
own."""

import itertools
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from sdplay.engine.loop import Engine, LoopJob, Made, Moment, Run, Snapshot
from sdplay.engine.onnx_model import OnnxModel
from sdplay.schedulers import SCHEDULERS
from tests.suites import in_full

ONE_STEP = [entry for entry in SCHEDULERS.values() if entry.sampler != "flow_euler"]
SMALL = LoopJob("a cat", "euler", 4, width=96, height=96)
SAMPLERS = ("euler", "euler_a", "dpmpp_2m", "unipc", "heun", "pndm")
SHAPES = in_full(((3, 128, 1), (3, 128, 6), (5, 96, 1), (5, 96, 6)), ((3, 128, 1), (5, 96, 6)))
"""Steps, width and CFG."""


@pytest.fixture(scope="module")
def model():
    return OnnxModel()


def made(engine, job, start=None):
    *_, last = engine.run(job, start)
    return last


def together(engine, jobs):
    pictures = [None] * len(jobs)

    def work(at):
        pictures[at] = made(engine, jobs[at])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pictures


def test_a_picture_is_bit_identical_alone_and_in_company(model):
    jobs = [
        LoopJob("a red apple", sampler, steps, cfg=cfg, seed=steps, width=width, owner=sampler)
        for sampler, (steps, width, cfg) in itertools.product(SAMPLERS, SHAPES)
    ]
    alone = [made(Engine(model), job).pixels for job in jobs]
    company = [each.pixels for each in together(Engine(model), jobs)]
    assert len(jobs) == len(SAMPLERS) * len(SHAPES)
    assert all((one == other).all() for one, other in zip(alone, company, strict=True))


def test_cancelling_one_job_leaves_its_neighbour_as_it_was(model):
    engine, kept = Engine(model), LoopJob("a fox", "euler", 8, seed=1)
    doomed = engine.run(LoopJob("a fish", "euler", 200, seed=2, owner="other"))
    next(doomed)
    run = engine.run(kept)
    next(run)
    doomed.close()
    *_, last = run
    assert (last.pixels == made(Engine(model), kept).pixels).all()


def test_a_job_that_cannot_start_tells_why_and_the_loop_goes_on(model):
    engine = Engine(model)
    with pytest.raises(KeyError):
        made(engine, LoopJob("a fox", "no such sampler", 4))
    assert isinstance(made(engine, LoopJob("a fox", "euler", 2)), Made)


class Narrow(OnnxModel):
    """Has no memory for whales."""

    def denoise(self, x, times, meanings):
        if any(meaning is self.embed("a whale") for meaning in meanings):
            raise MemoryError("no memory left")
        return super().denoise(x, times, meanings)


def test_running_out_of_memory_in_one_job_leaves_its_company_as_it_was(model):
    engine, jobs = Engine(Narrow()), [replace(SMALL, steps=20, seed=seed) for seed in range(3)]
    company = [engine.run(job) for job in jobs]
    for run in company:
        next(run)
    with pytest.raises(RuntimeError, match="no memory left"):
        made(engine, replace(SMALL, prompt="a whale", steps=20))
    assert all(
        (list(run)[-1].pixels == made(Engine(model), job).pixels).all()
        for run, job in zip(company, jobs, strict=True)
    )


def test_a_fork_goes_on_as_the_whole_run_would(model):
    engine, job = Engine(model), LoopJob("a fox", "euler_a", 6, seed=4, snapshot_at=3)
    *events, whole = engine.run(job)
    (snapshot,) = [event for event in events if isinstance(event, Snapshot)]
    assert (made(engine, job, snapshot).pixels == whole.pixels).all()


def test_a_sweep_does_not_starve_one_picture(model):
    engine = Engine(model, max_rows=4)
    sweep = [
        engine.run(replace(SMALL, steps=150, seed=n, owner="sweep", urgent=False)) for n in range(6)
    ]
    starters = [threading.Thread(target=next, args=(run,)) for run in sweep]
    for thread in starters:
        thread.start()
    events = list(engine.run(replace(SMALL, owner="person")))
    assert [type(event) for event in events] == [Moment] * 4 + [Made]
    for thread, run in zip(starters, sweep, strict=True):
        thread.join()
        run.close()


def test_the_wait_for_a_row_is_shared_by_owners_of_any_size_and_shape(model):
    engine, rows = Engine(model, max_rows=4), []
    jobs = [LoopJob("a cat", "euler", 6, seed=n, owner="sweep", urgent=False) for n in range(6)]
    jobs += [LoopJob("a dog", "euler", 6, owner="person"), LoopJob("an owl", "euler", 6, width=96)]
    for job in jobs:
        engine._admit(Run(job, None))
    while engine._runs:
        rows.append({run.job.owner for run in engine._chosen()})
        engine._tick()
    assert sum("person" in owners for owners in rows[:12]) == 6
    assert sum("" in owners for owners in rows[:12]) == 6


def test_sweeps_leave_rows_to_single_pictures(model):
    engine = Engine(model, max_rows=16)
    for owner in range(12):
        engine._admit(Run(LoopJob("a cat", "euler", 9, owner=f"sweep {owner}", urgent=False), None))
    full = [run.job.owner for run in engine._chosen()]
    engine._admit(Run(LoopJob("a dog", "euler", 9, owner="person"), None))
    with_person = [run.job.owner for run in engine._chosen()]
    assert full == [f"sweep {owner}" for owner in range(8)]
    assert with_person == [*full[:7], "person"]


def test_frames_show_every_step_and_the_last_is_the_picture(model):
    picture = made(Engine(model), LoopJob("a red apple", "ddim", 5, frames=True))
    assert len(picture.frames) == 5
    assert np.abs(picture.frames[-1][1].astype(int) - picture.pixels).mean() < 2


def test_only_the_frames_that_are_looked_at_are_drawn(model):
    """Each frame costs two decoded pictures."""
    job = LoopJob("a red apple", "ddim", 5, frames=True, frame_steps=frozenset({2, 4}))
    assert [moment.step for moment, *_ in made(Engine(model), job).frames] == [2, 4]


@pytest.fixture(scope="module", params=in_full([1.0, 2.5], [2.5]))
def one_step(request, model):
    """A job of one step, and the picture that the model sees in its noise."""
    job = LoopJob("a red apple, 3d style", "dpmpp_2m", 1, cfg=request.param, seed=3)
    return job, made(Engine(model), job).pixels.astype(float)


@pytest.mark.parametrize("entry", ONE_STEP, ids=lambda entry: entry.id)
def test_one_step_paints_what_the_model_sees_in_the_noise_with_every_scheduler(
    model, one_step, entry
):
    job, seen = one_step
    other = replace(job, sampler=entry.sampler, sigmas=entry.sigmas)
    picture = made(Engine(model), other).pixels.astype(float)
    assert picture.std() > 0.8 * seen.std()
    assert np.sqrt(((picture - seen) ** 2).mean()) < 8


class Counting(OnnxModel):
    """Remembers in which threads it drew."""

    def __init__(self):
        super().__init__()
        self.decoded, self.previewed = [], []

    def decode(self, latents):
        self.decoded.append(threading.current_thread().name)
        return super().decode(latents)

    def preview(self, latents):
        self.previewed.append(threading.current_thread().name)
        return super().preview(latents)


def test_previews_never_ask_the_decoder_and_are_drawn_by_who_looks():
    engine = Engine(Counting(), preview_seconds=0)
    moments = list(engine.run(LoopJob("a red apple", "euler", 6, previews=True)))[:-1]
    assert engine.model.previewed == []
    assert engine.preview(moments[-1].clean).shape == (16, 16, 3)
    assert engine.model.previewed == [threading.current_thread().name]
    assert engine.model.decoded == ["engine"]


def test_the_frames_of_one_picture_are_drawn_beside_the_engine_not_in_it():
    engine = Engine(Counting())
    made(engine, LoopJob("a red apple", "euler", 3, frames=True))
    assert engine.model.decoded == ["engine", *[threading.current_thread().name] * 6]


@pytest.mark.parametrize("prompt", ["a red apple, 3d style", "a fox, flat style on blue"])
def test_a_preview_looks_like_the_picture(model, prompt):
    picture = made(Engine(model), LoopJob(prompt, "dpmpp_2m", 10, cfg=2.5))
    cells = picture.pixels.reshape(16, 8, 16, 8, 3).mean((1, 3))
    preview = (np.clip(model.preview(picture.latent)[0], -1, 1) * 127.5 + 127.5).transpose(1, 2, 0)
    assert np.corrcoef(preview.ravel(), cells.ravel())[0, 1] > 0.9


def test_cfg_one_asks_the_model_half_as_often(model):
    engine = Engine(model)
    assert [
        made(engine, LoopJob("a fox", "euler", 4, cfg=cfg)).evaluations for cfg in (1.0, 5.0)
    ] == [
        4,
        8,
    ]


def test_a_start_image_runs_only_the_last_steps(model):
    start = np.zeros((3, 128, 128), np.float32)
    run = list(Engine(model).run(LoopJob("a fox", "euler", 10, start=start, strength=0.3)))
    assert sum(isinstance(event, Moment) for event in run) == 3


def test_outside_the_mask_the_start_image_stays(model):
    start = np.full((3, 128, 128), -0.4, np.float32)
    mask = np.zeros((16, 16), np.float32)
    mask[:, :4] = 1
    run = made(
        Engine(model), LoopJob("a fox on red", "euler", 8, start=start, strength=1.0, mask=mask)
    ).pixels
    again = np.clip(
        model.decode(model.encode(start[None]))[0].transpose(1, 2, 0) * 127.5 + 127.5, 0, 255
    )
    change = np.abs(run - again).mean((0, 2))
    assert change[64:].mean() < change[:32].mean() / 2


def test_variation_strength_zero_is_the_seed_alone_and_one_the_other(model):
    engine = Engine(model)
    seeds = [made(engine, LoopJob("a fox", "euler", 3, seed=seed)).pixels for seed in (1, 2)]
    mixed = [
        made(
            engine, LoopJob("a fox", "euler", 3, seed=1, variation_seed=2, variation_strength=share)
        ).pixels
        for share in (0.0, 1.0)
    ]
    assert (seeds[0] == mixed[0]).all()
    assert np.abs(seeds[1].astype(int) - mixed[1]).max() <= 1


class Gathering(Engine):
    """Begins once so many jobs are there, however late a busy machine lets them come."""

    awaited = 4

    def _tick(self):
        while len(self._runs) + self._new.qsize() < self.awaited:
            time.sleep(0.005)
        self.awaited = 0
        super()._tick()


def test_times_of_pictures_in_company_add_up_to_what_the_model_took(model):
    jobs = [LoopJob("a red apple", "euler", 6, seed=seed) for seed in range(4)]
    began = time.perf_counter()
    company = together(Gathering(model), jobs)
    took = time.perf_counter() - began
    assert sum(each.sampling + each.decode for each in company) <= took
    assert all(each.company > each.sampling for each in company)
    assert all(each.company + each.sampling + each.decode <= took for each in company)


def test_whoever_is_alone_waits_for_nobody(model):
    alone = made(Engine(model), LoopJob("a red apple", "euler", 3))
    assert alone.company == pytest.approx(0, abs=1e-9)
