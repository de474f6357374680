"""Prompts with embeddings and emphasis against their oracles: textual inversion, and prompt
embeddings by hand."""

import pytest

from sdplay.engine.loop import Engine, LoopJob
from sdplay.errors import BadParams
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip(
    "torch", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)
diffusers = pytest.importorskip(
    "diffusers", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)

from safetensors.torch import load_file  # noqa: E402

from sdplay.engine.torch.load import load  # noqa: E402
from sdplay.engine.torch.words import load_embedding, named_in  # noqa: E402
from tests.oracle import job_of, latents, off, ours, stock  # noqa: E402
from tests.tiny_checkpoint import small_embedding  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
EULER = SCHEDULERS["euler"]


def meaning(model, text, embeddings=()):
    """The tokens that steer the U-Net."""
    return model.meanings(LoopJob(text, "euler", 4, cfg=1, embeddings=embeddings), [])[0].tokens


def test_an_embedding_means_what_it_means_to_the_stock_pipeline(sd, tmp_path):
    file, model, pipe = (
        small_embedding(tmp_path / "paper.safetensors"),
        load(str(sd), device="cpu"),
        stock(sd),
    )
    pipe.load_textual_inversion(load_file(file)["emb_params"], token="paper")
    named = (("paper", model.embedding(file)),)
    job = job_of(EULER, prompt="a fox, on paper - old", negative="paper", embeddings=named)
    assert off(ours(Engine(model), job), latents(pipe, EULER, job, width=96, height=64)) < 1e-3


def test_both_text_encoders_of_sdxl_hear_their_vectors(sdxl, tmp_path):
    file = small_embedding(tmp_path / "paper.safetensors", wide=True)
    model, pipe, vectors = load(str(sdxl), device="cpu"), stock(sdxl), load_file(file)
    pipe.load_textual_inversion(
        vectors["clip_l"], "paper", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer
    )
    pipe.load_textual_inversion(
        vectors["clip_g"], "paper", text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2
    )
    job = job_of(EULER, prompt="a fox on paper", embeddings=(("paper", model.embedding(file)),))
    assert off(ours(Engine(model), job), latents(pipe, EULER, job, width=96, height=64)) < 1e-3


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_emphasis_weighs_each_encoders_tokens_and_keeps_their_mean(request, family):
    folder = request.getfixturevalue(family)
    with torch.no_grad():
        plain = stock(folder).encode_prompt(
            prompt="a red fox",
            device="cpu",
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )[0]
    weights = torch.ones(77, 1)
    weights[2:5] = 1.4  # the letters of red, behind the start token and a
    strong = [(half, half * weights) for half in plain.split(32, -1)]
    wanted = torch.cat([heavy * (half.mean() / heavy.mean()) for half, heavy in strong], -1)
    assert torch.allclose(
        meaning(load(str(folder), device="cpu"), "a (red:1.4) fox"), wanted, atol=1e-5
    )


def test_a_prompt_whose_weights_are_one_means_the_same_to_the_last_bit(sd):
    model = load(str(sd), device="cpu")
    told = [meaning(model, text) for text in ("a (red:1.0) fox", "a red fox", "a red (fox)")]
    assert torch.equal(told[0], told[1])
    assert not torch.allclose(told[1], told[2])


def test_emphasis_reaches_embeddings_and_ends_with_the_prompt(sd, tmp_path):
    model, file = (
        load(str(sd), device="cpu"),
        small_embedding(tmp_path / "paper.safetensors", vectors=90),
    )
    named = (("paper", model.embedding(file)),)
    told = [meaning(model, text, named) for text in ("a paper", "a (paper:1.5)")]
    assert torch.isfinite(told[1]).all()
    assert not torch.allclose(*told)


def test_an_embedding_of_another_width_is_read_as_words(sd, tmp_path):
    file = small_embedding(tmp_path / "paper.safetensors", wide=True)
    model = load(str(sd), device="cpu")
    named = (("paper", load_embedding(file, (768, 1280))),)
    assert torch.equal(meaning(model, "paper", named), meaning(model, "paper"))


def test_vectors_beyond_the_prompts_end_are_cut_off_and_told(sd, tmp_path):
    model, file = (
        load(str(sd), device="cpu"),
        small_embedding(tmp_path / "paper.safetensors", vectors=90),
    )
    named = (("paper", model.embedding(file)),)
    assert torch.isfinite(meaning(model, "x paper fox", named)).all()
    assert model.cut_off("x paper fox", named).endswith("fox")
    assert model.cut_off("x paper fox") == ""


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("on paper", ["paper"]),
        ("On PAPER,", ["paper"]),
        ("papers, newspaper, paper_2", []),
        ("bad-hands-5 and bad-hands", ["bad-hands-5", "bad-hands"]),
        ("", []),
    ],
)
def test_names_are_whole_words_in_any_case_and_the_longest_wins(prompt, found):
    assert named_in(prompt, ["paper", "bad-hands", "bad-hands-5"]) == found


def test_a_broken_file_is_told(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\xff\xff")
    with pytest.raises(BadParams, match="cut off"):
        load_embedding(tmp_path / "cut.safetensors")
