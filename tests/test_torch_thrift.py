"""Offloading, tiles and compiled code change where and how a picture is made, not what it shows."""

import numpy as np
import pytest

from sdplay.engine.loop import Engine
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip(
    "torch", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)
diffusers = pytest.importorskip(
    "diffusers", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)

from sdplay.engine.torch import model  # noqa: E402
from sdplay.engine.torch.load import load  # noqa: E402
from sdplay.engine.torch.lora import Worn  # noqa: E402
from sdplay.engine.torch.model import Parts, TorchModel  # noqa: E402
from sdplay.engine.torch.thrift import Thrift  # noqa: E402
from tests.oracle import job_of, off, ours  # noqa: E402
from tests.tiny_checkpoint import small_lora  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
JOB = job_of(SCHEDULERS["euler"])


def made(folder, job=JOB, **thrift):
    *_, last = Engine(load(str(folder), device="cpu", thrift=Thrift(**thrift))).run(job)
    return last.pixels


@pytest.mark.parametrize("offload", ["parts", "layers"])
def test_offloading_changes_no_bit(sd, offload):
    assert (made(sd, offload=offload) == made(sd)).all()


def test_a_lora_is_worn_also_on_layers_that_come_and_go(sd, tmp_path):
    file = small_lora(tmp_path / "ink.safetensors", sd)
    plain, layered = (
        load(str(sd), device="cpu", thrift=Thrift(offload)) for offload in ("", "layers")
    )
    one, other = (
        ours(Engine(model), job_of(SCHEDULERS["euler"], loras=(Worn(model.lora(file), 1.0, 1.0),)))
        for model in (plain, layered)
    )
    assert off(one, other) < 1e-5


def test_only_the_network_that_works_is_on_the_card(sd):
    where, parts = {}, load(str(sd), device="cpu").parts
    for name in ("unet", "vae", "text"):
        network = parts.texts[0] if name == "text" else getattr(parts, name)
        network.to = lambda device, *more, name=name, network=network: (
            where.update({name: str(device)}) or network
        )
    model = TorchModel(
        Parts(parts.unet, parts.vae, parts.tokenizers, parts.texts, parts.schedule),
        "cpu:0",
        thrift=Thrift("parts"),
    )
    seen = [dict(where)]
    meanings = model.meanings(JOB, [9.0])
    seen.append(dict(where))
    latent = model.denoise(np.zeros((2, 4, 8, 8), np.float32), [9.0, 9.0], meanings)
    seen.append(dict(where))
    model.decode(latent)
    on_card = [
        {name for name, place in each.items() if place == "cpu:0"} for each in [*seen, where]
    ]
    assert on_card == [set(), {"text"}, {"unet"}, {"vae"}]


def test_tiles_are_the_stock_pipelines_tiles(sd):
    latent = np.random.default_rng(1).normal(size=(1, 4, 80, 80)).astype(np.float32)
    vae = diffusers.AutoencoderKL.from_pretrained(sd / "vae")
    vae.tile_sample_min_size, vae.tile_latent_min_size = 512, 64
    vae.enable_tiling()
    with torch.no_grad():
        theirs = vae.decode(torch.from_numpy(latent) / vae.config.scaling_factor).sample.numpy()
    tiled, whole = (
        load(str(sd), device="cpu", thrift=Thrift(tiling=each)).decode(latent)
        for each in (True, False)
    )
    assert off(tiled, theirs) < 1e-4 < off(whole, theirs)


def test_a_processor_takes_large_pictures_apart_before_its_memory_is_full(sd, monkeypatch):
    latent = np.random.default_rng(1).normal(size=(1, 4, 80, 80)).astype(np.float32)
    pixels = np.random.default_rng(2).uniform(-1, 1, (1, 3, 640, 640)).astype(np.float32)
    plain, tiled = (load(str(sd), device="cpu", thrift=Thrift(tiling=at)) for at in (False, True))
    whole = plain.decode(latent)
    monkeypatch.setattr(model, "LARGEST_WHOLE", 640 * 640 - 1)
    assert off(plain.decode(latent), tiled.decode(latent)) == 0 < off(whole, plain.decode(latent))
    noise = np.zeros_like(latent)
    assert off(plain.encode(pixels, noise), tiled.encode(pixels, noise)) == 0
    monkeypatch.setattr(model, "LARGEST_WHOLE", 640 * 640)
    assert off(plain.decode(latent), whole) == 0


def test_compiled_code_paints_the_same_and_steps_aside_for_loras(sd, tmp_path):
    file = small_lora(tmp_path / "ink.safetensors", sd)
    plain, quick = (
        load(str(sd), device="cpu", thrift=Thrift(compiler=each)) for each in ("", "eager")
    )
    for loras in (False, True):
        jobs = [
            job_of(
                SCHEDULERS["euler"],
                steps=2,
                loras=(Worn(each.lora(file), 1.0, 1.0),) if loras else (),
            )
            for each in (plain, quick)
        ]
        assert off(ours(Engine(quick), jobs[1]), ours(Engine(plain), jobs[0])) < 1e-5
