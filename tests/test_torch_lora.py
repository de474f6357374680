"""LoRA files against their oracle, diffusers' loader with peft; and whether neighbours notice
them."""

import json

import numpy as np
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
pytest.importorskip("peft", reason="diffusers reads LoRA files through peft: pip install peft")

from safetensors.torch import load_file, save_file  # noqa: E402

from sdplay.engine.torch.load import load  # noqa: E402
from sdplay.engine.torch.lora import Worn  # noqa: E402
from sdplay.server.extras.addons import Named, loras_in, without_tags  # noqa: E402
from tests.oracle import job_of, latents, off, ours, stock  # noqa: E402
from tests.tiny_checkpoint import small_lora  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
EULER = SCHEDULERS["euler"]


@pytest.mark.parametrize("dialect", ["kohya", "diffusers"])
def test_a_lora_paints_as_in_the_stock_pipeline(sd, tmp_path, dialect):
    file = small_lora(tmp_path / "one.safetensors", sd, dialect=dialect)
    model, pipe = load(str(sd), device="cpu"), stock(sd)
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="one")
    pipe.set_adapters("one", 0.7)
    job = job_of(EULER, loras=(Worn(model.lora(file), 0.7, 0.7),))
    theirs = latents(pipe, EULER, job, width=96, height=64)
    assert off(ours(Engine(model), job), theirs) < 1e-3
    assert off(ours(Engine(model), job_of(EULER)), theirs) > 1e-2


@pytest.mark.parametrize("dialect", ["kohya", "diffusers"])
def test_two_loras_on_sdxl_paint_as_in_the_stock_pipeline(sdxl, tmp_path, dialect):
    files = [
        small_lora(tmp_path / f"{name}.safetensors", sdxl, seed, dialect=dialect)
        for seed, name in enumerate("ab")
    ]
    model, pipe = load(str(sdxl), device="cpu"), stock(sdxl)
    for file in files:
        pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name=file.stem)
    pipe.set_adapters(["a", "b"], [0.5, -0.4])
    worn = tuple(
        Worn(model.lora(file), weight, weight)
        for file, weight in zip(files, (0.5, -0.4), strict=True)
    )
    job = job_of(EULER, loras=worn)
    assert off(ours(Engine(model), job), latents(pipe, EULER, job, width=96, height=64)) < 1e-3


def test_pictures_with_and_without_share_a_call_and_change_no_bit(sd, tmp_path):
    model = load(str(sd), device="cpu", exact_rows=8)
    one, other = (
        model.lora(small_lora(tmp_path / f"{seed}.safetensors", sd, seed)) for seed in (1, 2)
    )
    wearing = [(), (Worn(one, 0.8, 0.8),), (Worn(one, 0.3, 1.0), Worn(other, 1.0, 0.0))]
    rows = [
        meaning
        for loras in wearing
        for meaning in model.meanings(job_of(EULER, loras=loras), [9.0])
    ]
    x = np.random.default_rng(0).normal(size=(6, 4, 8, 8)).astype(np.float32)
    company = model.denoise(x, [9.0] * 6, rows)
    alone = np.concatenate(
        [model.denoise(x[at : at + 1], [9.0], rows[at : at + 1]) for at in range(6)]
    )
    assert (company == alone).all()
    assert off(model.denoise(x[:1], [9.0], rows[2:3]), company[:1]) > 1e-2


def test_the_trainers_own_alpha_is_obeyed(sd, tmp_path):
    file = small_lora(tmp_path / "plain.safetensors", sd, dialect="diffusers")
    told = {
        "unet.lora_alpha": 8,
        "unet.r": 4,
        "unet.alpha_pattern": {"mid_block.resnets.0.conv1": 2},
    }
    save_file(
        load_file(file), tmp_path / "told.safetensors", {"lora_adapter_metadata": json.dumps(told)}
    )
    model = load(str(sd), device="cpu")
    plain, double = (
        model.lora(tmp_path / f"{name}.safetensors").networks[0] for name in ("plain", "told")
    )
    scales = {layer: (double[layer].up / pair.up).mean().item() for layer, pair in plain.items()}
    assert round(scales.pop("mid_block.resnets.0.conv1"), 4) == 0.5
    assert {round(scale, 4) for scale in scales.values()} == {2}


def test_a_file_that_changed_is_read_again(sd, tmp_path):
    model, file = load(str(sd), device="cpu"), small_lora(tmp_path / "one.safetensors", sd)
    first = model.lora(file)
    assert model.lora(file) is first
    small_lora(file, sd, seed=9)
    assert model.lora(file) is not first
    file.unlink()
    with pytest.raises(BadParams, match="not there any more"):
        model.lora(file)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"lora_unet_mid.hada_w1_a": 4}, "LoHa"),
        ({"lora_unet_conv_in.lora_down.weight": 4}, "no pairs"),
        (
            {"lora_unet_nowhere.lora_down.weight": 4, "lora_unet_nowhere.lora_up.weight": 4},
            "another kind of model",
        ),
        (
            {"lora_te2_x.lora_down.weight": 4, "lora_te2_x.lora_up.weight": 4},
            "another kind of model",
        ),
        (
            {"unet.conv_in.lora_A.weight": 4, "unet.conv_in.lora_B.weight": 4},
            "another kind of model",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(sd, tmp_path, tensors, says):
    save_file(
        {name: torch.ones(rows, 3) for name, rows in tensors.items()}, tmp_path / "odd.safetensors"
    )
    with pytest.raises(BadParams, match=says):
        load(str(sd), device="cpu").lora(tmp_path / "odd.safetensors")


def test_a_broken_file_is_told(sd, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\xff\xff")
    with pytest.raises(BadParams, match="cut off"):
        load(str(sd), device="cpu").lora(tmp_path / "cut.safetensors")


@pytest.mark.parametrize(
    ("prompt", "words", "named"),
    [
        ("a fox", "a fox", ()),
        ("a fox <lora:ink:0.8>", "a fox", (Named("ink", 0.8, 0.8),)),
        ("<lora:ink>a fox", "a fox", (Named("ink"),)),
        ("a <lora:ink:0.5:0.9> fox", "a  fox", (Named("ink", 0.9, 0.5),)),
        ("x<lora:ink:te=0:unet=-1>", "x", (Named("ink", -1.0, 0.0),)),
        ("<lora:a:1><lora:b:2><lora:a:0.5>", "", (Named("a", 1.5, 1.5), Named("b", 2.0, 2.0))),
        ("<3 and <loras:x>", "<3 and <loras:x>", ()),
    ],
)
def test_loras_are_named_in_the_prompt_as_a1111s_users_do(prompt, words, named):
    assert (without_tags(prompt), loras_in(prompt)) == (words, named)


@pytest.mark.parametrize(
    "tag", ["<lora:ink:strong>", "<lora:ink:1:2:3>", "<lora:ink:te=x>", "<lora:ink:dyn=4>"]
)
def test_a_tag_that_cannot_be_read_shows_how_to_write_it(tag):
    with pytest.raises(BadParams, match="<lora:ink:0.8>"):
        loras_in(tag)


def test_a_prompts_meaning_is_remembered_for_each_weight(sd, tmp_path):
    model = load(str(sd), device="cpu")
    lora = model.lora(small_lora(tmp_path / "one.safetensors", sd))
    jobs = [
        LoopJob("a fox", "euler", 4, cfg=1, loras=(Worn(lora, 1.0, weight),))
        for weight in (0.0, 1.0)
    ]
    plain, heard = (model.meanings(job, [])[0].tokens for job in jobs)
    assert not torch.allclose(plain, heard)
    assert torch.allclose(plain, model.meanings(LoopJob("a fox", "euler", 4, cfg=1), [])[0].tokens)
