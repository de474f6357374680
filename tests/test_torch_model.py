"""The torch adapter against its oracle, diffusers' stock pipelines: same checkpoint, seed,
scheduler and steps."""

from pathlib import Path

import numpy as np
import pytest

from sdplay.engine.card import SHIPPED
from sdplay.engine.loop import Engine, LoopJob, Made, Run
from sdplay.errors import BadParams
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip(
    "torch", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)
diffusers = pytest.importorskip(
    "diffusers", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)

from sdplay.engine.torch.load import load, load_controlnet  # noqa: E402
from sdplay.engine.torch.model import Guide  # noqa: E402
from tests.oracle import job_of, latents, off, ours  # noqa: E402
from tests.tiny_checkpoint import single_file, small_controlnet  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
VP = [entry for entry in SCHEDULERS.values() if entry.sampler != "flow_euler"]
START = np.random.default_rng(3).uniform(-1, 1, (3, 64, 96)).astype(np.float32)


@pytest.fixture(scope="module")
def stock(sd):
    unguarded = {"safety_checker": None, "requires_safety_checker": False}
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        sd, torch_dtype=torch.float32, **unguarded
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def controlnet(tmp_path_factory, sd):
    return small_controlnet(tmp_path_factory.mktemp("controlnet"), sd)


@pytest.fixture(scope="module", params=["sd", "sdxl", "built in"])
def both(request, sd, sdxl):
    """Our engine and the stock pipeline over the same checkpoint."""
    folder = {"sd": sd, "sdxl": sdxl, "built in": SHIPPED}[request.param]
    more = {} if folder == sdxl else {"safety_checker": None, "requires_safety_checker": False}
    pipe = diffusers.DiffusionPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, local_files_only=True, **more
    )
    pipe.set_progress_bar_config(disable=True)
    return Engine(load(str(folder), device="cpu")), pipe


def until_made(run):
    """The end of a run that was handed to the loop."""
    return next(event for event in iter(run.events.get, None) if isinstance(event, Made))


@pytest.mark.parametrize("entry", VP, ids=lambda entry: entry.id)
def test_a_picture_is_the_stock_pipelines(both, entry):
    engine, pipe = both
    job = job_of(entry)
    assert off(ours(engine, job), latents(pipe, entry, job, width=96, height=64)) < 1e-3


@pytest.mark.parametrize("entry", VP, ids=lambda entry: entry.id)
def test_a_picture_from_a_start_image_is_the_stock_pipelines(both, entry):
    engine, pipe = both
    job = job_of(entry, start=START, strength=0.6)
    image = torch.from_numpy(START[None] * 0.5 + 0.5)
    other = diffusers.AutoPipelineForImage2Image.from_pipe(pipe)
    other.set_progress_bar_config(disable=True)
    assert off(ours(engine, job), latents(other, entry, job, image=image, strength=0.6)) < 1e-3


@pytest.mark.parametrize("more", [{"cfg": 1.0}, {"negative": ""}, {"eta": 0.5}], ids=str)
def test_settings_mean_what_they_mean_to_the_stock_pipeline(both, more):
    engine, pipe = both
    job = job_of(SCHEDULERS["ddim"], **more)
    theirs = latents(pipe, SCHEDULERS["ddim"], job, width=96, height=64)
    assert off(ours(engine, job), theirs) < 1e-3


@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("entry", VP, ids=lambda entry: entry.id)
def test_a_masked_picture_is_the_stock_pipelines(sd, stock, entry, strength):
    mask = np.zeros((64, 96), np.float32)
    mask[:, 32:] = 1
    job = job_of(entry, start=START, strength=strength, mask=mask[::8, ::8])
    other = diffusers.StableDiffusionInpaintPipeline.from_pipe(stock)
    other.set_progress_bar_config(disable=True)
    theirs = latents(
        other,
        entry,
        job,
        image=torch.from_numpy(START[None] * 0.5 + 0.5),
        strength=strength,
        mask_image=torch.from_numpy(mask[None, None]),
        width=96,
        height=64,
    )
    assert off(ours(Engine(load(str(sd), device="cpu")), job), theirs) < 1e-3


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.2, 0.7)], ids=str)
@pytest.mark.parametrize("name", ["euler", "dpmpp_2m_karras", "euler_a", "ddim"])
def test_a_guided_picture_is_the_stock_pipelines(sd, stock, controlnet, name, span):
    image, entry = (
        np.random.default_rng(8).uniform(0, 1, (3, 64, 96)).astype(np.float32),
        SCHEDULERS[name],
    )
    net = load_controlnet(str(controlnet))
    other = diffusers.StableDiffusionControlNetPipeline.from_pipe(stock, controlnet=net)
    other.set_progress_bar_config(disable=True)
    job = job_of(entry, guides=(Guide(net, image, 0.8, *span),))
    theirs = latents(
        other,
        entry,
        job,
        image=torch.from_numpy(image[None]),
        controlnet_conditioning_scale=0.8,
        control_guidance_start=span[0],
        control_guidance_end=span[1],
        width=96,
        height=64,
    )
    engine = Engine(load(str(sd), device="cpu"))
    assert off(ours(engine, job), theirs) < 1e-3
    assert off(ours(engine, job_of(entry)), theirs) > 1e-2


def test_guided_and_free_pictures_share_a_call_and_change_nothing(sd, controlnet):
    model = load(str(sd), device="cpu", exact_rows=8)
    image = np.random.default_rng(8).uniform(0, 1, (3, 64, 64)).astype(np.float32)
    jobs = [
        LoopJob("a fox", "euler", 3, seed=seed, width=64, height=64, guides=guides)
        for seed, guides in enumerate(((), (Guide(load_controlnet(str(controlnet)), image),), ()))
    ]
    rows = [meaning for job in jobs for meaning in model.meanings(job, [9.0])]
    x = np.random.default_rng(0).normal(size=(6, 4, 8, 8)).astype(np.float32)
    company = model.denoise(x, [9.0] * 6, rows)
    alone = np.concatenate(
        [model.denoise(x[at : at + 1], [9.0], rows[at : at + 1]) for at in range(6)]
    )
    assert off(company, alone) < 1e-4


def test_a_whole_picture_is_bit_identical_alone_and_in_company(sd):
    jobs = [
        job_of(entry, seed=at, steps=3 + at % 2, cfg=1.0 + at % 3) for at, entry in enumerate(VP)
    ]
    engine = Engine(load(str(sd), device="cpu", exact_rows=8), max_rows=8)
    alone = [list(engine.run(job))[-1].pixels for job in jobs]
    runs = [Run(job, None) for job in jobs]
    for run in runs:
        engine._submit(run)
    company = [until_made(run).pixels for run in runs]
    assert all((one == other).all() for one, other in zip(alone, company, strict=True))


def test_a_varied_picture_starts_between_the_two_noises(sd, stock):
    entry = SCHEDULERS["euler"]
    one, other = (
        torch.randn(1, 4, 8, 12, generator=torch.Generator().manual_seed(seed)) for seed in (11, 5)
    )
    angle = torch.acos((one * other).sum() / (one.norm() * other.norm()))
    mixed = (torch.sin(0.7 * angle) * one + torch.sin(0.3 * angle) * other) / torch.sin(angle)
    job = job_of(entry, variation_seed=5, variation_strength=0.3)
    theirs = latents(stock, entry, job, latents=mixed, width=96, height=64)
    assert off(ours(Engine(load(str(sd), device="cpu")), job), theirs) < 1e-3


def test_the_decoded_picture_is_the_stock_pipelines(both):
    engine, pipe = both
    entry, job = SCHEDULERS["euler"], job_of(SCHEDULERS["euler"])
    latent = torch.from_numpy(latents(pipe, entry, job, width=96, height=64))
    with torch.no_grad():
        theirs = pipe.vae.decode(latent / pipe.vae.config.scaling_factor).sample.numpy()
    assert off(engine.model.decode(latent.numpy()), theirs) < 1e-4


def test_a_single_file_paints_what_its_folder_paints(sd, tmp_path):
    file, job = single_file(sd, tmp_path / "one.safetensors"), job_of(SCHEDULERS["euler"])
    models = [load(str(sd), device="cpu"), load(str(file), device="cpu", config=str(sd))]
    assert off(*(ours(Engine(model), job) for model in models)) < 1e-5


def test_a_single_file_without_the_hub_asks_for_config(sd, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    file = single_file(sd, tmp_path / "one.safetensors")
    with pytest.raises(BadParams, match=r"one\.safetensors holds weights only.*--config FOLDER"):
        load(str(file), device="cpu")


def test_clip_skip_reads_an_earlier_layer(sd):
    model = load(str(sd), device="cpu")
    (end,), (earlier,) = (
        model.meanings(LoopJob("a fox", "euler", 4, cfg=1, clip_skip=skip), []) for skip in (1, 2)
    )
    encoder, tokenizer = model.parts.texts[0], model.parts.tokenizers[0]
    with torch.no_grad():
        states = encoder(
            tokenizer("a fox", padding="max_length", return_tensors="pt").input_ids,
            output_hidden_states=True,
        ).hidden_states
    assert not torch.allclose(end.tokens, earlier.tokens)
    assert torch.allclose(earlier.tokens, encoder.final_layer_norm(states[-2]), atol=1e-5)


def test_clip_skip_beyond_the_text_encoder_names_the_limit(sd):
    with pytest.raises(BadParams, match="at most 3"):
        load(str(sd), device="cpu").meanings(LoopJob("a fox", "euler", 4, clip_skip=9), [])


def test_a_prompt_that_is_too_long_is_told(sd):
    model = load(str(sd), device="cpu")
    assert model.cut_off("short") == ""
    assert model.cut_off("x " * 75 + "tail").replace(" ", "") == "tail"


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_half_precision_paints_nearly_the_same(sd, dtype):
    job = job_of(SCHEDULERS["euler"])
    full, half = (
        ours(Engine(load(str(sd), device="cpu", dtype=each)), job) for each in ("fp32", dtype)
    )
    assert 0 < off(half, full) < 0.1


def test_previews_show_the_picture_without_its_decoder(sd):
    model = load(str(sd), device="cpu")
    latent = model.encode(START[None], np.zeros((1, 4, 8, 12), np.float32))
    assert model.preview(latent).shape == (1, 3, 64, 96)
    assert model.preview(latent, rough=True).shape == (1, 3, 8, 12)
    assert model._fitted_colours().shape == (5, 3)


class Cramped(torch.nn.Module):
    """A U-Net on a device whose memory holds so many rows."""

    def __init__(self, unet, rows):
        super().__init__()
        self.unet, self.most, self.config = unet, rows, unet.config

    def forward(self, x, *given, **more):
        if len(x) > self.most:
            raise torch.OutOfMemoryError("no memory left")
        return self.unet(x, *given, **more)


def test_running_out_of_memory_halves_the_batch_and_goes_on(sd):
    model = load(str(sd), device="cpu")
    x = np.random.default_rng(0).normal(size=(5, 4, 8, 8)).astype(np.float32)
    meanings = model.meanings(LoopJob("a fox", "euler", 4, cfg=1), []) * 5
    whole = model.denoise(x, [500.0] * 5, meanings)
    model.parts.unet.forward = Cramped(load(str(sd), device="cpu").parts.unet, 2).forward
    assert off(model.denoise(x, [500.0] * 5, meanings), whole) < 1e-4
    assert [count for _, count in model._portions(x)] == [2, 2, 1]
    assert [count for _, count in model._portions(np.zeros((9, 4, 4, 4)))] == [8, 1]


def test_exact_rows_make_a_row_bit_identical_alone_and_in_company(sd):
    model = load(str(sd), device="cpu", exact_rows=8)
    x = np.random.default_rng(0).normal(size=(8, 4, 8, 8)).astype(np.float32)
    times, meanings = (
        [900.0, 10.0] * 4,
        model.meanings(LoopJob("a fox", "euler", 4, negative="dog"), []) * 4,
    )
    company = model.denoise(x, times, meanings)
    alone = [
        model.denoise(x[at : at + 1], times[at : at + 1], meanings[at : at + 1]) for at in range(8)
    ]
    assert (np.concatenate(alone) == company).all()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.ckpt", b"", "pickle"),
        ("notes.txt", b"", "no .safetensors file"),
        ("cut.safetensors", b"\xff\xff", "cut off"),
        ("folder/model_index.json", b'{"_class_name": "FluxPipeline"}', "FluxPipeline"),
        ("folder/model_index.json", b"[]", "unknown"),
        ("folder/readme", b"", "model_index.json"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(tmp_path, name, content, says):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    with pytest.raises(BadParams, match=says):
        load(str(file.parent if file.parent.name == "folder" else file), device="cpu")


def test_a_model_that_is_not_there_is_told():
    with pytest.raises(BadParams, match="no model at nowhere"):
        load("nowhere", device="cpu")


def test_weights_that_could_run_code_are_not_read(sd, tmp_path):
    import shutil

    copy = Path(shutil.copytree(sd, tmp_path / "copy"))
    weights = copy / "unet/diffusion_pytorch_model.safetensors"
    torch.save(load(str(sd), device="cpu").parts.unet.state_dict(), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(BadParams, match="could not be loaded"):
        load(str(copy), device="cpu")


def test_an_unknown_number_format_names_the_choices(sd):
    with pytest.raises(BadParams, match="fp32, fp16, bf16"):
        load(str(sd), device="cpu", dtype="int3")
