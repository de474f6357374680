"""One measure of work: what the engine really runs, counted beforehand."""

import io
import json

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install '.[dev]'")
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sdplay import work
from sdplay.backends.builtin import Builtin, _engine
from sdplay.engine.loop import Engine, Made, planned
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS


def picture():
    kept = io.BytesIO()
    Image.new("RGB", (96, 96), (90, 160, 60)).save(kept, "PNG")
    return kept.getvalue()


PICTURE = picture()
BUILTIN = [name for name in SCHEDULERS if name != "flow_euler"]
PARAMS = st.builds(
    Params,
    prompt=st.just("a fox"),
    scheduler=st.sampled_from(BUILTIN),
    steps=st.integers(1, 60),
    cfg=st.sampled_from([1.0, 2.5, 7.0]),
    strength=st.floats(0, 1),
    init=st.sampled_from([b"", PICTURE]),
    width=st.just(96),
    height=st.just(128),
)
HIRES = st.builds(
    lambda params, scale, strength, steps: params.with_(
        init=b"", hires_scale=scale, hires_strength=strength, hires_steps=steps
    ),
    PARAMS,
    st.floats(1, 4),
    st.floats(0, 1),
    st.integers(0, 60),
)


@given(PARAMS)
@settings(max_examples=100, deadline=None)
def test_work_is_the_steps_that_the_engine_plans(params):
    steps = planned(Builtin()._job(params), _engine()[0].model.levels).steps
    rows = 1 if params.cfg == 1 else 2
    assert work.calls(params) == len(steps)
    assert work.evaluations(params) == rows * len(steps)
    assert work.of(params) == pytest.approx((rows * len(steps) + work.AROUND) * 96 * 128 / 1e6)


PLAIN = Params(prompt="a fox", steps=10, width=96, height=128)


@pytest.mark.parametrize(
    ("settings", "raw", "same"),
    [
        ({}, '{"steps": 20}', {"steps": 20}),
        ({}, '{"cfg_scale": 1, "width": 192}', {"cfg": 1.0, "width": 192}),
        ({}, '{"sampler_name": "Heun"}', {"scheduler": "heun"}),
        ({}, '{"scheduler": "karras"}', {}),
        ({}, '{"enable_hr": true}', {"hires_scale": 2.0}),
        ({"hires_scale": 2.0}, '{"enable_hr": false}', {}),
        ({"hires_scale": 2.0}, '{"hr_second_pass_steps": 5}', {"hires_scale": 2, "hires_steps": 5}),
        (
            {"hires_scale": 2.0},
            '{"denoising_strength": 0.9}',
            {"hires_scale": 2.0, "hires_strength": 0.9},
        ),
        ({}, '{"input": {"num_inference_steps": 30}}', {"steps": 30}),
        ({}, '{"refiner_checkpoint": "other", "steps": "many"}', {}),
    ],
)
def test_raw_fields_that_change_the_work_are_counted(settings, raw, same):
    heard = PLAIN.with_(**settings, extra=raw)
    assert list(work.passes(heard)) == list(work.passes(PLAIN.with_(**same)))


def test_the_second_pass_has_its_own_size_and_scheduler():
    base = PLAIN.with_(hires_scale=2.0, hires_strength=1.0, scheduler="euler")
    assert [each.pixels for each in work.passes(base.with_(hires_size="512x256"))] == [
        96 * 128,
        512 * 256,
    ]
    first, second = work.passes(base.with_(hires_sampler="heun"))
    assert (first.calls, second.calls) == (10, 19)


@pytest.mark.parametrize(
    ("scheduler", "calls"),
    [
        ("DPM++ 2S a", 19),
        ("DPM++ SDE Karras", 19),
        ("DPM2 a", 19),
        ("Heun Beta", 19),
        ("dpm++2s_a", 19),
        ("DPM++ 2M Beta", 10),
        ("DPM++ 2M SDE Heun", 10),
        ("DDIM CFG++", 10),
    ],
)
def test_samplers_that_only_a_server_has_are_counted_too(scheduler, calls):
    assert work.calls(PLAIN.with_(scheduler=scheduler)) == calls
    assert work.calls(PLAIN.with_(scheduler=scheduler, init=PICTURE, strength=0.0)) == 0


def test_several_pictures_of_one_request_are_each_counted():
    three = PLAIN.with_(extra='{"batch_size": 3}')
    assert work.pictures(three.with_(extra='{"batch_size": 3, "n_iter": 2}')) == 6
    assert work.total([three]) == 3 * work.total([PLAIN])


def test_a_script_is_work_that_cannot_be_told():
    assert not work.is_counted(PLAIN.with_(extra='{"script_name": "prompt matrix"}'))
    assert work.is_counted(PLAIN.with_(extra='{"alwayson_scripts": {}}'))


@pytest.mark.parametrize("name", ["DPM adaptive", "Restart", "restart karras"])
def test_samplers_that_choose_their_own_steps_are_work_that_cannot_be_told(name):
    assert not work.is_counted(PLAIN.with_(scheduler=name))
    assert not work.is_counted(PLAIN.with_(hires_scale=2.0, hires_sampler=name))
    assert not work.is_counted(PLAIN.with_(extra=json.dumps({"sampler_name": name})))
    assert work.is_counted(PLAIN.with_(scheduler="DPM fast"))


class Counting:
    """The built-in model, counting the rows that its U-Net works out."""

    def __init__(self, model):
        self.model, self.rows = model, 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def denoise(self, x, times, meanings):
        self.rows += len(x)
        return self.model.denoise(x, times, meanings)


@pytest.mark.parametrize("scheduler", ["euler", "heun", "pndm", "unipc"])
@pytest.mark.parametrize("cfg", [1.0, 5.0])
@pytest.mark.parametrize("start", [{}, {"strength": 0.0}, {"strength": 0.3}, {"strength": 1.0}])
def test_work_is_the_rows_that_the_model_really_worked_out(scheduler, cfg, start):
    init = PICTURE if start else b""
    params = Params("a fox", "", scheduler, 4, cfg, width=96, height=96, init=init, **start)
    counting = Counting(_engine()[0].model)
    *_, made = Engine(counting).run(Builtin()._job(params))
    assert isinstance(made, Made)
    assert work.evaluations(params) == counting.rows == made.evaluations


@given(PARAMS | HIRES, st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_more_steps_are_never_less_work(params, more):
    assert work.of(params.with_(steps=params.steps + more)) >= work.of(params)


@given(PARAMS, st.sampled_from([0.0, 0.5 / 60]))
def test_a_start_image_that_stays_is_no_evaluation_and_yet_some_work(params, strength):
    same = params.with_(init=PICTURE, strength=strength)
    assert work.evaluations(same) == 0
    assert work.of(same) == pytest.approx(work.AROUND * 96 * 128 / 1e6)


@given(PARAMS | HIRES)
def test_cfg_doubles_the_work_and_a_refiner_adds_none(params):
    with_cfg, without = params.with_(cfg=7.0), params.with_(cfg=1.0)
    assert work.evaluations(with_cfg) == 2 * work.evaluations(without)
    assert work.of(params.with_(refiner="other", refiner_at=0.5)) == work.of(params)


@given(HIRES)
def test_hires_fix_adds_a_pass_at_the_larger_size(params):
    plain = params.with_(hires_scale=1.0)
    second = plain.with_(
        steps=params.hires_steps or params.steps, init=PICTURE, strength=params.hires_strength
    )
    larger = params.hires_scale**2 if params.hires_scale > 1 else 0
    more = work.evaluations(params) - work.evaluations(plain)
    assert more == work.evaluations(second) * bool(larger)
    assert work.of(params) >= work.of(plain)
    assert work.of(params) >= work.of(second) * larger


@given(st.lists(PARAMS | HIRES, max_size=6), st.lists(PARAMS, max_size=6))
def test_the_work_of_two_sweeps_is_the_sum_of_both(one, other):
    assert work.total([*one, *other]) == pytest.approx(work.total(one) + work.total(other))
