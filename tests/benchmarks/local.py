"""A mixed sweep through the local process against diffusers' stock pipeline, in one run.

    python -m tests.benchmarks.local [--compile] [--model FOLDER] [--device cuda] [--size 512]
    [--dtype fp16]

24 cells: 3 schedulers × 2 step counts × 2 CFG × 2 seeds.  Each way is timed: the stock pipeline in
a loop, with
--compile the same with torch.compile, our loop one cell at a time and in shared batches, the whole
process over HTTP,
and as the upper bound 24 equal cells in full batches.  Then how long one person's picture takes
while a sweep four
times as large runs in the process, and how long when it is served in the order of asking.  Ratios
count, not seconds;
pictures are compared too.  Without --model the built-in model is used; "sd15" and "sdxl" are random
weights of those
shapes.
"""

import argparse
import itertools
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import diffusers
import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from sdplay.backends.local import Local
from sdplay.engine.card import SHIPPED
from sdplay.engine.loop import Engine, LoopJob, Made
from sdplay.engine.torch.load import DTYPES, load
from sdplay.engine.torch.model import best_device
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS
from tests.local_process import Process, ask
from tests.tiny_checkpoint import SCHEDULE, tokenizer

NAMES, STEPS, CFGS, SEEDS = ("euler", "dpmpp_2m_karras", "unipc"), (8, 12), (1.0, 6.0), (1, 2)


def cells(size: int) -> list[Params]:
    """The sweep."""
    return [
        Params(
            "a red apple", scheduler=name, steps=steps, cfg=cfg, seed=seed, width=size, height=size
        )
        for name, steps, cfg, seed in itertools.product(NAMES, STEPS, CFGS, SEEDS)
    ]


def job_of(params: Params) -> LoopJob:
    """A cell in the engine's words."""
    entry = SCHEDULERS[params.scheduler]
    return LoopJob(
        params.prompt,
        entry.sampler,
        params.steps,
        "",
        entry.sigmas,
        params.cfg,
        params.seed,
        params.width,
        params.height,
        owner="sweep",
        urgent=False,
    )


def stock(folder: str, device: str, dtype: str, compiled: bool):
    """Paints one cell as diffusers' documentation shows it."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(
        folder, torch_dtype=DTYPES[dtype], local_files_only=True
    )
    pipe = pipe.to(device)
    pipe.set_progress_bar_config(disable=True)
    known = {
        key: pipe.scheduler.config[key]
        for key in ("beta_start", "beta_end", "beta_schedule", "prediction_type")
    }
    if compiled:
        pipe.unet = torch.compile(pipe.unet)

    def paint(cell: Params) -> np.ndarray:
        kind, settings = SCHEDULERS[cell.scheduler].diffusers
        pipe.scheduler = getattr(diffusers, kind)(**known, **settings)
        dice = torch.Generator().manual_seed(cell.seed)
        image = pipe(
            cell.prompt,
            num_inference_steps=cell.steps,
            guidance_scale=cell.cfg,
            generator=dice,
            width=cell.width,
            height=cell.height,
        ).images[0]
        return np.asarray(image)

    return paint


def together(paint, cells: list) -> list[np.ndarray]:
    """All of them at once."""
    made: list = [None] * len(cells)

    def work(at: int) -> None:
        made[at] = paint(cells[at])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(cells))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def last(engine: Engine, job: LoopJob) -> np.ndarray:
    return next(event.pixels for event in engine.run(job) if isinstance(event, Made))


def asked(url: str, cell: Params, *, urgent: bool = False) -> np.ndarray:
    """A picture of the process, as the page asks for it."""
    backend = Local(url)
    backend.previews = urgent
    *_, picture = backend.generate(cell)
    return np.asarray(picture.image())


def timed(work):
    began = time.perf_counter()
    made = work()
    return made, time.perf_counter() - began


def compiled(folder: str, given: argparse.Namespace, dtype: str, slow: float) -> str:
    """The stock pipeline with torch.compile, without the seconds that compiling took."""
    if not (shutil.which("g++") or shutil.which("clang++")):
        return "not measured: there is no compiler here"
    sweep, paint = cells(given.size), stock(folder, given.device, dtype, compiled=True)
    # Each scheduler gives its times in a type of its own, each CFG its rows: all that is compiled
    # anew.
    kinds = {(cell.scheduler, cell.cfg): replace(cell, steps=3) for cell in sweep}.values()
    _, compiling = timed(lambda: [paint(cell) for cell in kinds])
    _, seconds = timed(lambda: [paint(cell) for cell in sweep])
    return f"{slow / seconds:.2f}×   {seconds:.2f} s, after {compiling:.0f} s of compiling"


def latency(url: str, sweep: list[Params], person: Params, *, urgent: bool) -> float:
    """Seconds for one picture that is asked for when at least half of the sweep is in the
    process."""
    crowd = threading.Thread(target=together, args=(lambda cell: asked(url, cell), sweep))
    crowd.start()
    while crowd.is_alive() and ask(f"{url}/sdplay/v1/about")[1]["waiting"] < len(sweep) // 2:
        time.sleep(0.01)
    _, seconds = timed(lambda: asked(url, person, urgent=urgent))
    crowd.join()
    return seconds


def random_weights(kind: str, folder: Path) -> str:
    """The shape of SD 1.5 or SDXL with random weights: the same work as the real ones."""
    text = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        projection_dim=768,
        bos_token_id=512,
        eos_token_id=513,
    )
    levels = {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, **levels
    )
    common = {
        "vae": vae,
        "tokenizer": tokenizer(),
        "text_encoder": CLIPTextModel(text),
        "scheduler": DDIMScheduler(**SCHEDULE),
    }
    if kind == "sd15":
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        StableDiffusionPipeline(
            unet=unet,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **common,
        ).save_pretrained(folder)
        return str(folder)
    large = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=20,
        projection_dim=1280,
        bos_token_id=512,
        eos_token_id=513,
    )
    unet = UNet2DConditionModel(
        sample_size=128,
        cross_attention_dim=2048,
        block_out_channels=(320, 640, 1280),
        attention_head_dim=(5, 10, 20),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        transformer_layers_per_block=(1, 2, 10),
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    StableDiffusionXLPipeline(
        unet=unet,
        text_encoder_2=CLIPTextModelWithProjection(large),
        tokenizer_2=tokenizer(),
        **common,
    ).save_pretrained(folder)
    return str(folder)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=str(SHIPPED))
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--dtype", default="")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    dtype = given.dtype or ("fp32" if given.device == "cpu" else "fp16")
    with TemporaryDirectory() as made:
        folder = (
            random_weights(given.model, Path(made))
            if given.model in ("sd15", "sdxl")
            else given.model
        )
        measure(folder, dtype, given)


def measure(folder: str, dtype: str, given: argparse.Namespace) -> None:
    """Everything on one checkpoint."""
    sweep = cells(given.size)
    jobs = [job_of(cell) for cell in sweep]
    engine = Engine(load(folder, device=given.device, dtype=dtype), max_rows=given.rows)
    ours, paint = (
        (lambda job: last(engine, job)),
        stock(folder, given.device, dtype, compiled=False),
    )
    together(ours, jobs[:4])
    paint(sweep[0])
    theirs, slow = timed(lambda: [paint(cell) for cell in sweep])
    mine, fast = timed(lambda: together(ours, jobs))
    _, alone = timed(lambda: [ours(job) for job in jobs])
    middle = replace(jobs[0], steps=10, cfg=6.0)
    _, bound = timed(lambda: together(ours, [replace(middle, seed=seed) for seed in range(24)]))
    rows = sum(job.steps * (1 if job.cfg == 1 else 2) for job in jobs)
    differs = max(
        np.abs(one.astype(int) - other).max() for one, other in zip(mine, theirs, strict=True)
    )
    print(
        f"{given.device} {dtype}, {given.size} pixels, {len(jobs)} cells, {rows} rows, up to "
        f"{given.rows} a call"
    )
    print(f"largest pixel difference to the stock pipeline   {differs} of 255")
    print(f"stock pipeline in a loop                         1.00×   {slow:.2f} s")
    if given.compile:
        print(
            "stock pipeline in a loop, compiled               "
            f"{compiled(folder, given, dtype, slow)}"
        )
    print(f"our loop, one cell at a time                     {slow / alone:.2f}×   {alone:.2f} s")
    print(f"our loop, mixed cells in shared batches          {slow / fast:.2f}×   {fast:.2f} s")
    share = bound * rows / (24 * 10 * 2)
    print(f"upper bound: equal cells, as many rows           {slow / share:.2f}×   {share:.2f} s")
    engine.close()
    over_http(folder, dtype, given, slow)


def over_http(folder: str, dtype: str, given: argparse.Namespace, slow: float) -> None:
    """The same sweep through the process, then one person's picture beside a large sweep."""
    process = Process(
        "--model",
        folder,
        "--device",
        given.device,
        "--dtype",
        dtype,
        "--rows",
        given.rows,
        threads=torch.get_num_threads(),
    ).ready()
    url, sweep = process.url, cells(given.size)
    asked(url, sweep[0])
    _, through = timed(lambda: together(lambda cell: asked(url, cell), sweep))
    print(
        f"the whole process over HTTP                      {slow / through:.2f}×   {through:.2f} s"
    )
    person = replace(sweep[-1], seed=99)
    _, alone = timed(lambda: asked(url, person, urgent=True))
    many = [replace(cell, seed=seed) for seed, cell in enumerate(sweep * 4)]
    first = latency(url, many, person, urgent=True)
    in_order = latency(url, many, person, urgent=False)
    print(
        f"one person's picture beside a sweep of {len(many)}        {first:.2f} s; first come, "
        "first served "
        f"{in_order:.2f} s: {in_order / first:.1f}× sooner; with nobody else {alone:.2f} s"
    )
    process.end()


if __name__ == "__main__":
    main()
