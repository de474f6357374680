"""Depth in the local process: what a ControlNet is shown where a model for it is given."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")

from transformers import DPTForDepthEstimation, DPTImageProcessor, pipeline

from sdplay.backends.local.backend import Local
from sdplay.engine.guides import MODULES
from sdplay.engine.torch.depth import load_depth
from sdplay.errors import BackendRefused, BadParams
from sdplay.params import Control, Params
from sdplay.picture import png_bytes
from sdplay.server.extras.preprocessors import Preprocessors
from tests.local_process import Process, shared, tiny_controlnet, tiny_depth, tiny_models

SMALL = Params(prompt="a fox", steps=2, width=64, height=64, seed=3)


def scene(size=(64, 48)):
    image = Image.new("RGB", size, "navy")
    ImageDraw.Draw(image).ellipse((10, 8, 44, 40), "orange")
    return image


def guided(backend, unit):
    """The pixels of a picture that this unit steers."""
    *_, picture = backend.generate(SMALL.with_(control=(unit,)))
    return picture.image().tobytes()


@pytest.fixture(scope="module")
def deep():
    """A process with a model for depth."""
    process = Process(
        "--model",
        tiny_models() / "alpha",
        "--controlnet",
        tiny_controlnet(),
        "--depth",
        tiny_depth(),
        "--device",
        "cpu",
    ).ready()
    yield process.url
    process.end()


def test_transformers_own_pipeline_is_the_judge():
    folder = str(tiny_depth())
    judge = pipeline(
        "depth-estimation",
        model=DPTForDepthEstimation.from_pretrained(folder),
        image_processor=DPTImageProcessor.from_pretrained(folder),
    )
    ours = load_depth(folder, "cpu").depth(scene()).astype(int)
    theirs = np.asarray(judge(scene())["depth"], int)
    assert ours.shape == theirs.shape == (48, 64)
    assert np.abs(ours - theirs).max() <= 1
    assert ours.std() > 5


def test_distances_are_turned_round_so_that_near_is_light():
    near = load_depth(str(tiny_depth()), "cpu")
    far = load_depth(str(tiny_depth()), "cpu")
    far.is_distance = True
    both = near.depth(scene()).astype(int) + far.depth(scene())
    assert np.abs(both - 255).max() <= 1


def test_the_model_is_offered_shown_and_steers(deep):
    backend, data = Local(deep), png_bytes(scene((64, 64)))
    assert backend.probe().control_modules == (*MODULES, "depth")
    look = backend.preprocessed(data, "depth")
    assert (look.size, look.getextrema()) == ((64, 64), ((0, 255),) * 3)
    units = [
        Control(data, "lines", "depth"),
        Control(png_bytes(look), "lines"),
        Control(data, "lines", "canny"),
    ]
    by_depth, by_look, by_lines = (guided(backend, unit) for unit in units)
    assert by_depth == by_look != by_lines


def test_without_a_model_the_process_says_how_to_start_it():
    backend, data = Local(shared().url), png_bytes(scene())
    with pytest.raises(BackendRefused, match="--depth FOLDER"):
        backend.preprocessed(data, "depth")
    with pytest.raises(BackendRefused, match="--depth FOLDER"):
        guided(backend, Control(data, "lines", "depth"))


@pytest.mark.parametrize("config", ["no JSON", "[]", '{"model_type": "sam"}'])
def test_what_is_no_depth_model_is_refused_in_a_sentence(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(BadParams, match="could not be loaded"):
        Preprocessors(str(tmp_path), "cpu").preprocessed(scene(), "depth")


def test_a_folder_without_any_model_is_refused_at_the_start(tmp_path):
    with pytest.raises(BadParams, match="no depth model in"):
        Preprocessors(str(tmp_path), "cpu")


def test_a_model_whose_weights_are_missing_is_refused_in_a_sentence(tmp_path):
    config = json.loads((tiny_depth() / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadParams, match="could not be loaded"):
        load_depth(str(tmp_path), "cpu")
