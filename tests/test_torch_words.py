"""Prompts with embeddings against their oracle, diffusers' textual inversion."""

import numpy as np
import pytest

from sdplay.engine.loop import Engine, Job
from sdplay.errors import BadParams
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip("torch", reason="checkpoints need torch and diffusers: pip install '.[local]'")
diffusers = pytest.importorskip("diffusers", reason="checkpoints need torch and diffusers: pip install '.[local]'")

from safetensors.torch import load_file  # noqa: E402

from sdplay.engine.torch_load import load  # noqa: E402
from sdplay.engine.torch_words import load_embedding, named_in  # noqa: E402
from tests.oracle import job_of, latents, off, ours, stock  # noqa: E402
from tests.tiny_checkpoint import small_embedding, small_sd, small_sdxl  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
EULER = SCHEDULERS["euler"]


@pytest.fixture(scope="module")
def sd(tmp_path_factory):
    return small_sd(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return small_sdxl(tmp_path_factory.mktemp("sdxl"))


def test_an_embedding_means_what_it_means_to_the_stock_pipeline(sd, tmp_path):
    file, model, pipe = small_embedding(tmp_path / "paper.safetensors"), load(str(sd), device="cpu"), stock(sd)
    pipe.load_textual_inversion(load_file(file)["emb_params"], token="paper")
    named = (("paper", model.embedding(file)),)
    job = job_of(EULER, prompt="a fox, on paper (old)", negative="paper", embeddings=named)
    assert off(ours(Engine(model), job), latents(pipe, EULER, job, width=96, height=64)) < 1e-3


def test_both_text_encoders_of_sdxl_hear_their_vectors(sdxl, tmp_path):
    file = small_embedding(tmp_path / "paper.safetensors", wide=True)
    model, pipe, vectors = load(str(sdxl), device="cpu"), stock(sdxl), load_file(file)
    pipe.load_textual_inversion(vectors["clip_l"], "paper", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
    pipe.load_textual_inversion(vectors["clip_g"], "paper", text_encoder=pipe.text_encoder_2,
                                tokenizer=pipe.tokenizer_2)  # fmt: skip
    job = job_of(EULER, prompt="a fox on paper", embeddings=(("paper", model.embedding(file)),))
    assert off(ours(Engine(model), job), latents(pipe, EULER, job, width=96, height=64)) < 1e-3


def test_an_embedding_of_another_width_is_read_as_words(sd, tmp_path):
    file = small_embedding(tmp_path / "paper.safetensors", wide=True)
    model = load(str(sd), device="cpu")
    (with_it,), (without,) = (model.meanings(Job("paper", "euler", 4, cfg=1, embeddings=each), [])
                              for each in ((("paper", load_embedding(file, (768, 1280))),), ()))  # fmt: skip
    assert torch.equal(with_it.tokens, without.tokens)


def test_vectors_beyond_the_prompts_end_are_cut_off_and_told(sd, tmp_path):
    model, file = load(str(sd), device="cpu"), small_embedding(tmp_path / "paper.safetensors", vectors=90)
    named = (("paper", model.embedding(file)),)
    (meaning,) = model.meanings(Job("x paper fox", "euler", 4, cfg=1, embeddings=named), [])
    assert np.isfinite(meaning.tokens.numpy()).all()
    assert model.cut_off("x paper fox", named).endswith("fox")
    assert model.cut_off("x paper fox") == ""


@pytest.mark.parametrize(("prompt", "found"), [
    ("on paper", ["paper"]), ("On PAPER,", ["paper"]), ("papers, newspaper, paper_2", []),
    ("bad-hands-5 and bad-hands", ["bad-hands-5", "bad-hands"]), ("", []),
])  # fmt: skip
def test_names_are_whole_words_in_any_case_and_the_longest_wins(prompt, found):
    assert named_in(prompt, ["paper", "bad-hands", "bad-hands-5"]) == found


def test_a_broken_file_is_told(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\xff\xff")
    with pytest.raises(BadParams, match="cut off"):
        load_embedding(tmp_path / "cut.safetensors")
