"""The model that ships: small, whole, and the same for our engine as for diffusers."""

import numpy as np
import pytest

from sdplay.backends.builtin import Builtin
from sdplay.engine.card import SHIPPED, Card
from sdplay.engine.loop import LoopJob
from sdplay.engine.onnx_model import OnnxModel
from sdplay.engine.words import Words

SHEETS = ("uncurated", "steps", "cfg", "negative", "seeds", "schedulers", "strength")


def test_all_of_it_is_smaller_than_fifty_megabytes():
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 50e6


@pytest.mark.parametrize("name", SHEETS)
def test_the_model_card_shows_every_sheet(name):
    assert (SHIPPED / "sheets" / f"{name}.jpg").is_file()
    assert f"sheets/{name}.jpg" in (SHIPPED / "README.md").read_text("utf-8")


def test_every_chip_is_made_of_words_that_it_knows():
    card = Card.read()
    words = Words(SHIPPED / "vocab.txt", card.max_words + 2)
    chips = [chip for group in Builtin().probe().chips.values() for chip in group]
    assert len(chips) > 100
    assert [chip for chip in chips if words.read(chip).text != chip] == []


def test_diffusers_opens_the_same_folder_and_computes_the_same():
    torch = pytest.importorskip("torch", reason="diffusers needs torch: pip install '.[local]'")
    diffusers = pytest.importorskip(
        "diffusers", reason="the oracle is diffusers: pip install '.[local]'"
    )
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(SHIPPED, local_files_only=True).to(
        torch.float32
    )
    ours, dice = OnnxModel(), np.random.default_rng(1)
    latent = dice.standard_normal((2, 8, 16, 16), np.float32)
    meaning = np.concatenate([ours.embed("a red apple, 3d style"), ours.embed("")])
    with torch.no_grad():
        tokens = pipe.tokenizer(
            ["a red apple, 3d style", ""],
            padding="max_length",
            return_tensors="pt",
            max_length=pipe.tokenizer.model_max_length,
        ).input_ids
        read = pipe.text_encoder(tokens)[0]
        noise = pipe.unet(
            torch.from_numpy(latent), torch.tensor([500.0, 20.0]), read
        ).sample.numpy()
        pixels = pipe.vae.decode(torch.from_numpy(latent)).sample.numpy()
    assert np.abs(meaning - read.numpy()).max() < 1e-3
    assert np.abs(np.asarray(ours.denoise(latent, [500.0, 20.0], [meaning])) - noise).max() < 1e-3
    assert np.abs(ours.decode(latent) - pixels).max() < 1e-3


@pytest.mark.parametrize("prompt", ["a (red:1.4) apple", "((3d style)) [blue] \\(fox\\)", "a fox"])
def test_emphasis_means_to_our_engine_what_it_means_to_the_local_process(prompt):
    pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
    from sdplay.engine.torch.load import load

    (theirs,) = load(str(SHIPPED), device="cpu").meanings(LoopJob(prompt, "euler", 1, cfg=1), [])
    ours = OnnxModel().embed(prompt)
    assert np.abs(ours - theirs.tokens.numpy()).max() < 1e-3 * np.abs(ours).max()
