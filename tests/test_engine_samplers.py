"""The samplers against their oracle, diffusers' own schedulers: same grids, same coefficients, same
noise."""

import numpy as np
import pytest

from sdplay.engine.noise import TorchNoise
from sdplay.engine.samplers import Levels, noise_levels, plan
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip(
    "torch", reason="the oracle needs torch and diffusers: pip install '.[local]'"
)
diffusers = pytest.importorskip(
    "diffusers", reason="the oracle needs torch and diffusers: pip install '.[local]'"
)

SHAPE = (1, 4, 8, 8)
IMAGE = np.random.default_rng(5).normal(0, 1, SHAPE).astype(np.float32)
BASE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PREDICTS = {"eps": "epsilon", "v": "v_prediction"}
VP = [entry for entry in SCHEDULERS.values() if entry.sampler != "flow_euler"]


def answer(x, t):
    """A smooth stand-in for a U-Net: depends on every input, bounded, the same for numpy and
    torch."""
    lib = torch if isinstance(x, torch.Tensor) else np
    return lib.tanh(0.8 * x + 0.3 * np.sin(float(t) / 200)) * 0.7


def ours(entry, steps, predicts, strength):
    stream = TorchNoise(42)
    run = plan(
        entry.sampler,
        entry.sigmas,
        steps,
        Levels.scaled_linear(predicts=predicts),
        strength=strength,
        from_image=strength < 1,
    )
    x = run.begin[0] * IMAGE + run.begin[1] * stream.randn(SHAPE)
    xs, ms = [x], []
    for step in run.steps:
        output = answer(xs[0] * step.scale, step.t)
        ms = [step.memory[0] * xs[0] + step.memory[1] * output, *ms[:4]]
        if step.correct:
            xs[0] = mixed(step.correct, xs, ms)
        x = mixed(step.update, xs, ms)
        if step.noise:
            x = x + step.noise * stream.randn(SHAPE)
        xs = [x, *xs[:1]]
    return xs[0]


def mixed(mix, xs, ms):
    return sum(a * x for a, x in zip(mix.xs, xs, strict=False)) + sum(
        b * m for b, m in zip(mix.ms, ms, strict=False)
    )


def theirs(entry, steps, predicts, strength):
    name, settings = entry.diffusers
    scheduler = getattr(diffusers, name)(**BASE, **settings, prediction_type=PREDICTS[predicts])
    dice = torch.Generator().manual_seed(42)
    scheduler.set_timesteps(steps)
    skip = max(steps - int(steps * strength), 0) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skip)
    times, noise = scheduler.timesteps[skip:], torch.randn(SHAPE, generator=dice)
    x = noise * scheduler.init_noise_sigma
    if strength < 1:
        x = scheduler.add_noise(torch.from_numpy(IMAGE), noise, times[:1])
    more = {"generator": dice} if entry.stochastic else {}
    for t in times:
        x = scheduler.step(answer(scheduler.scale_model_input(x, t), t), t, x, **more).prev_sample
    return x.numpy()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("strength", [1.0, 0.6], ids=["txt2img", "img2img"])
@pytest.mark.parametrize("predicts", PREDICTS)
@pytest.mark.parametrize("steps", [2, 8, 20, 50])
@pytest.mark.parametrize("entry", VP, ids=lambda entry: entry.id)
def test_a_sampler_ends_where_diffusers_ends(entry, steps, predicts, strength):
    expected = theirs(entry, steps, predicts, strength)
    differs = np.abs(ours(entry, steps, predicts, strength) - expected).max()
    assert differs < 1e-4 * max(1, np.abs(expected).max() / 5)


@pytest.mark.parametrize("eta", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("name", ["ddim", "tcd"])
def test_a_sampler_with_eta_ends_where_diffusers_ends(name, eta):
    kind, settings = SCHEDULERS[name].diffusers
    scheduler = getattr(diffusers, kind)(**BASE, **settings)
    scheduler.set_timesteps(12)
    dice, stream = torch.Generator().manual_seed(1), TorchNoise(1)
    theirs, ours = torch.randn(SHAPE, generator=dice), stream.randn(SHAPE)
    for t in scheduler.timesteps:
        theirs = scheduler.step(answer(theirs, t), t, theirs, eta=eta, generator=dice).prev_sample
    for step in plan(name, "normal", 12, Levels.scaled_linear(), eta=eta).steps:
        memory = step.memory[0] * ours + step.memory[1] * answer(ours, step.t)
        ours = mixed(step.update, [ours], [memory])
        ours = ours + step.noise * stream.randn(SHAPE) if step.noise else ours
    assert np.abs(ours - theirs.numpy()).max() < 1e-4


@pytest.mark.parametrize("steps", [4, 20])
def test_flow_matching_ends_where_diffusers_ends(steps):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(steps)
    theirs = ours = TorchNoise(3).randn(SHAPE)
    theirs = torch.from_numpy(theirs)
    for t in scheduler.timesteps:
        theirs = scheduler.step(answer(theirs, t), t, theirs).prev_sample
    for step in plan("flow_euler", "normal", steps, Levels((), "flow", 3.0)).steps:
        ours = mixed(step.update, [ours], [answer(ours, step.t)])
    assert np.abs(ours - theirs.numpy()).max() < 1e-4


@pytest.mark.parametrize("entry", SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 7, 60])
def test_the_table_tells_how_often_the_model_is_asked(entry, steps):
    levels = Levels.scaled_linear()
    assert len(plan(entry.sampler, entry.sigmas, steps, levels).steps) == entry.evaluations(steps)


def test_noise_falls_all_the_way():
    drawn = noise_levels("euler", "karras", 20, Levels.scaled_linear())
    assert drawn == sorted(drawn, reverse=True)


@pytest.mark.parametrize("predicts", PREDICTS)
@pytest.mark.parametrize("entry", VP, ids=lambda entry: entry.id)
def test_a_single_step_begins_where_the_noise_is_and_ends_near_the_clean_picture(entry, predicts):
    levels = Levels.scaled_linear(predicts=predicts)
    (step,) = plan(entry.sampler, entry.sigmas, 1, levels).steps
    assert step.t >= 998
    assert step.sigma > 14
    signal, noise = step.after
    assert signal > 0.999
    assert noise < 0.03


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31, 2**32 - 1, 2**32 + 7, 2**53 + 1, 2**63 - 1])
@pytest.mark.parametrize(
    "shape", [(1, 8, 16, 16), (1, 4, 64, 64), (17,), (3, 5, 7), (1, 8, 12, 25)]
)
def test_noise_is_torchs_noise(seed, shape):
    expected = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).numpy()
    assert np.abs(TorchNoise(seed).randn(shape) - expected).max() < 1e-6


def test_noise_goes_on_as_torchs_stream_does():
    dice, stream = torch.Generator().manual_seed(9), TorchNoise(9)
    expected = [torch.randn((1, 4, 5, 5), generator=dice).numpy() for _ in range(3)]
    assert max(np.abs(stream.randn((1, 4, 5, 5)) - each).max() for each in expected) < 1e-6


def test_a_copied_stream_goes_on_alone():
    stream = TorchNoise(9)
    stream.randn((4, 4))
    twin = stream.copy()
    assert (twin.randn((4, 4)) == stream.randn((4, 4))).all()


NOISY = [entry for entry in SCHEDULERS.values() if entry.stochastic]


@pytest.mark.parametrize("entry", NOISY, ids=lambda entry: entry.id)
def test_eta_scales_the_noise_that_a_sampler_adds(entry):
    none, half, own, full = (
        [
            step.noise
            for step in plan(entry.sampler, entry.sigmas, 8, Levels.scaled_linear(), eta=eta).steps
        ]
        for eta in (0.0, 0.5, None, 1.0)
    )
    assert (own == full) == (entry.own_eta == 1)
    assert not any(none)
    assert all(0 < less < more for less, more in zip(half, full, strict=True) if more)


@pytest.mark.parametrize(("noisy", "still"), [("euler_a", "euler"), ("dpmpp_2m_sde", "dpmpp_2m")])
def test_without_its_noise_a_sampler_is_the_one_that_settles(noisy, still):
    levels = Levels.scaled_linear()
    one, other = (plan(name, "karras", 9, levels, eta=0.0).steps for name in (noisy, still))
    for step, same in zip(one, other, strict=True):
        assert step.update.xs == pytest.approx(same.update.xs)
        assert step.update.ms == pytest.approx(same.update.ms)
