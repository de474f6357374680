"""Captions, words and export of the built-in model; all with tiny models, no training."""

import random
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("diffusers", reason="training needs the extra 'train'")
pytest.importorskip("onnxscript", reason="training needs the extra 'train'")
onnxruntime = pytest.importorskip("onnxruntime", reason="the engine runs on onnxruntime")

from sdplay.engine.card import Card  # noqa: E402
from sdplay.engine.words import Words  # noqa: E402
from sdplay.training import autoencoder, evaluate, export, preview, unet, words  # noqa: E402
from sdplay.training.data import (  # noqa: E402
    COLOURS,
    STYLES,
    Scene,
    Thing,
    as_array,
    caption,
    held_out,
    things,
)
from sdplay.training.log import Log, load  # noqa: E402
from sdplay.training.muon import Muon  # noqa: E402
from sdplay.training.pace import FLOOR, Pace, autocast  # noqa: E402

VOCABULARY = [*words.SPECIAL, *words.caption_words()]
ODD = "A  Red APPLE, 3D-style: on blue! Zürich (kitten) zxqy's " + "apple " * 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own deprecations
        parts = (
            unet.build(),
            autoencoder.build(),
            words.text_encoder(VOCABULARY),
            VOCABULARY,
        )
        pictures = [Image.new("RGB", (64, 64), colour) for colour in COLOURS.values()]
        export.export(made, parts, "test", pictures)
    return made


def run(folder, name, **given):
    return onnxruntime.InferenceSession(str(folder / f"{name}.onnx")).run(None, given)[0]


def test_a_caption_names_every_thing_of_its_scene():
    scene = Scene((Thing("fox"), Thing("ice cream")), "flat", "blue")
    for seed in range(200):
        said = caption(scene, random.Random(seed))
        assert {"fox", "ice", "cream"} <= set(said.replace(",", "").split())


def test_a_caption_never_says_a_colour_or_style_that_is_not_there():
    said = " ".join(
        caption(Scene((Thing("fox"),), "flat", "blue"), random.Random(seed)) for seed in range(200)
    )
    assert {*STYLES, *COLOURS} & set(said.replace(",", "").split()) == {"flat", "blue"}


def test_every_word_of_a_caption_is_in_the_vocabulary():
    dice = random.Random(0)
    for thing in things():
        said = caption(Scene((thing, things()[0]), "3d", "pink"), dice)
        assert set(said.replace(",", "").split()) <= set(VOCABULARY)


def test_about_one_in_sixteen_coloured_scenes_is_held_out_and_none_on_white():
    scenes = [
        Scene((thing,), style, colour)
        for thing in things()
        for style in STYLES
        for colour in COLOURS
    ]
    kept_back = [scene for scene in scenes if held_out(scene)]
    assert 0.04 < len(kept_back) / len(scenes) < 0.08
    assert all(scene.colour != "white" for scene in kept_back)


def test_things_have_names_of_their_own():
    names = [thing.word for thing in things()]
    assert len(set(names)) == len(names) > 100


@pytest.mark.parametrize(
    "prompt", ["", "a red apple, 3d style", ODD, "apple\napple\t2", "🍎 apple"]
)
def test_the_engine_and_transformers_give_the_same_tokens(tmp_path, prompt):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    theirs = words.tokenizer(VOCABULARY)(
        prompt, padding="max_length", max_length=words.LENGTH, truncation=True, return_tensors="np"
    )
    ours = Words(tmp_path / "vocab.txt", words.LENGTH).tokens(prompt)
    assert ours.tolist() == theirs.input_ids.tolist()


def test_muon_moves_a_matrix_by_something_orthogonal():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(16, 40))
    (weight * torch.randn(16, 40)).sum().backward()
    Muon([weight], lr=1.0).step()
    strengths = torch.linalg.svdvals(weight.detach()) / (0.2 * 40**0.5)
    assert 0.6 < float(strengths.min()) < float(strengths.max()) < 1.3


def test_learning_cools_once_from_where_it_was_left_and_never_warms_again():
    assert Pace(1.0, minutes=10).now == 1.0
    cooling = Pace(1.0, minutes=10, cool=True, began=time.monotonic() - 300)
    left = cooling.now
    assert left == pytest.approx(0.515, abs=0.01)
    resumed = Pace(left, minutes=10, cool=True)
    assert resumed.now <= left
    assert Pace(resumed.now, 10, cool=True, began=time.monotonic() - 900).now == FLOOR
    with pytest.raises(SystemExit, match="warm steps would undo that"):
        Pace(resumed.now, minutes=10)
    with pytest.raises(SystemExit, match="cooled to its end"):
        Pace(FLOOR, minutes=10, cool=True)


class Discs:
    """One disc on a ground, for runs of a few seconds."""

    def scene(self, dice, pairs):
        return Scene((Thing("disc"),), "flat", dice.choice(list(COLOURS)))

    def draw(self, scene, dice):
        picture = Image.new("RGB", (128, 128), COLOURS[scene.colour])
        ImageDraw.Draw(picture).ellipse((30, 30, 90, 90), fill=COLOURS["red"])
        return picture


def test_a_run_that_has_cooled_says_so_in_its_checkpoint_and_is_not_warmed_again(tmp_path):
    log, moment = Log(tmp_path), 0.03
    autoencoder.train(Discs(), tmp_path, moment, log)
    assert load(tmp_path / "autoencoder.pt")["paces"] == {"autoencoder": 1.0}
    autoencoder.train(Discs(), tmp_path, moment, log, cool=True)
    assert load(tmp_path / "autoencoder.pt")["paces"] == {"autoencoder": FLOOR}
    with pytest.raises(SystemExit, match="warm steps would undo that"):
        autoencoder.train(Discs(), tmp_path, moment, log)
    autoencoder.train(Discs(), tmp_path, moment, log, stage="decoder")
    assert load(tmp_path / "autoencoder.pt")["paces"] == {"autoencoder": FLOOR, "decoder": 1.0}


def test_sixteen_bits_are_used_only_where_the_processor_has_them():
    here = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with autocast():
        assert torch.is_autocast_enabled("cpu") == here
    sources = Path(autoencoder.__file__).parent.glob("*.py")
    assert [file.name for file in sources if "torch.bfloat16" in file.read_text()] == ["pace.py"]


def test_normalised_latents_are_unit_normal_and_decode_as_before():
    torch.manual_seed(0)
    vae, pixels = autoencoder.build().eval(), torch.rand(8, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = vae.encode(pixels).latent_dist.mean
        drawn = vae.decode(before).sample
        unet.normalise(vae, before)
        after = vae.encode(pixels).latent_dist.mean
        assert float(abs(after.std((0, 2, 3)) - 1).max()) < 1e-3
        assert float(after.mean().abs()) < 1e-3
        assert torch.allclose(vae.decode(after).sample, drawn, atol=1e-4)


def test_exported_weights_are_stored_once_in_half_precision(folder):
    graphs = sum(file.stat().st_size for file in folder.glob("*.onnx"))
    weights = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    count = sum(
        weight.numel()
        for model in (unet.build(), autoencoder.build())
        for weight in model.parameters()
    )
    assert graphs < 1_000_000
    assert 2 * count < weights < 2 * count + 3_000_000


@pytest.mark.parametrize(("rows", "high", "wide"), [(1, 12, 12), (3, 16, 24), (2, 32, 32)])
def test_the_exported_unet_agrees_with_torch_for_every_size(folder, rows, high, wide):
    from diffusers import UNet2DConditionModel

    model = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    x, meaning = torch.randn(rows, 8, high, wide), torch.randn(rows, words.LENGTH, words.WIDTH)
    times = torch.linspace(0.5, 998.25, rows)
    with torch.no_grad():
        expected = model(x, times, meaning).sample.numpy()
    made = run(
        folder,
        "unet",
        sample=x.numpy(),
        timestep=times.numpy(),
        encoder_hidden_states=meaning.numpy(),
    )
    assert np.abs(made - expected).max() < 1e-3


def test_the_exported_autoencoder_agrees_with_torch(folder):
    from diffusers import AutoencoderKL

    model = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    pixels = torch.rand(2, 3, 96, 128) * 2 - 1
    with torch.no_grad():
        latent = model.encode(pixels).latent_dist.mean
        expected = model.decode(latent).sample.numpy()
    assert np.abs(run(folder, "vae_encoder", sample=pixels.numpy()) - latent.numpy()).max() < 1e-3
    assert np.abs(run(folder, "vae_decoder", latent=latent.numpy()) - expected).max() < 1e-3


class Averages:
    """An autoencoder whose latent is known: the cell's mean red, green and blue, mixed."""

    config = SimpleNamespace(scaling_factor=1.0)
    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, 2.0, 0.0], [0.3, 0.0, -1.0], [0.1, 0.2, 0.3]])

    def encode(self, pixels):
        cells = torch.nn.functional.avg_pool2d(pixels, 8)
        mean = torch.einsum("dc,nchw->ndhw", self.mix, cells) + 0.25
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean))


def test_the_map_for_previews_finds_the_colours_of_encoded_pictures():
    noise = np.random.default_rng(3).integers(0, 256, (6, 32, 32, 3), np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in noise]
    fitted = np.array(preview.colours(Averages(), pictures))
    pixels = torch.from_numpy(np.stack([as_array(picture) for picture in pictures]))
    cells = torch.nn.functional.avg_pool2d(pixels, 8).numpy()
    latents = Averages().encode(pixels).latent_dist.mean.numpy()
    drawn = np.einsum("nchw,cd->ndhw", latents, fitted[:-1]) + fitted[-1][:, None, None]
    assert np.abs(drawn - cells).max() < 1e-2


def test_the_exported_folder_holds_the_map_for_previews(folder):
    assert np.array(Card.read(folder).preview).shape == (9, 3)


def test_the_judge_reads_a_background_from_the_corners():
    picture = Image.new("RGB", (128, 128), COLOURS["turquoise"])
    picture.paste((0, 0, 0), (30, 30, 90, 90))
    assert evaluate._background(picture) == "turquoise"
