"""A mixed sweep through the local process's engine against diffusers' stock pipeline, in one run.

    python -m tests.benchmarks.local [--model FOLDER] [--device cuda] [--size 512] [--dtype fp16] [--compile]

24 cells: 3 schedulers × 2 step counts × 2 CFG × 2 seeds.  Four ways, each timed: the stock pipeline in a loop (with
torch.compile when asked), our loop in shared batches, our loop one cell at a time, and as the upper bound 24 equal
cells in full batches.  Then how long one person's picture takes while the sweep runs, against first come, first
served.  Ratios count, not seconds; pictures are compared too.  Without --model the built-in model is used; "sd15" and
"sdxl" are random weights of those shapes.
"""

import argparse
import itertools
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

from sdplay.engine.loop import Engine, Job, Made
from sdplay.engine.onnx_model import SHIPPED
from sdplay.engine.torch_load import DTYPES, load
from sdplay.engine.torch_model import best_device
from sdplay.schedulers import SCHEDULERS
from tests.tiny_checkpoint import SCHEDULE, tokenizer

NAMES, STEPS, CFGS, SEEDS = ("euler", "dpmpp_2m_karras", "unipc"), (8, 12), (1.0, 6.0), (1, 2)


def cells(size: int) -> list[tuple[str, Job]]:
    """The sweep, with each cell's scheduler."""
    made = []
    for name, steps, cfg, seed in itertools.product(NAMES, STEPS, CFGS, SEEDS):
        entry = SCHEDULERS[name]
        made.append((name, Job("a red apple", entry.sampler, steps, "", entry.sigmas, cfg, seed, size, size,
                               owner="sweep", urgent=False)))  # fmt: skip
    return made


def stock(folder: str, device: str, dtype: str, compiled: bool):
    """Paints one cell as diffusers' documentation shows it."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, torch_dtype=DTYPES[dtype], local_files_only=True)
    pipe = pipe.to(device)
    pipe.set_progress_bar_config(disable=True)
    known = {key: pipe.scheduler.config[key] for key in ("beta_start", "beta_end", "beta_schedule", "prediction_type")}
    if compiled:
        pipe.unet = torch.compile(pipe.unet)

    def paint(name: str, job: Job) -> np.ndarray:
        kind, settings = SCHEDULERS[name].diffusers
        pipe.scheduler = getattr(diffusers, kind)(**known, **settings)
        dice = torch.Generator().manual_seed(job.seed)
        image = pipe(job.prompt, num_inference_steps=job.steps, guidance_scale=job.cfg, generator=dice,
                     width=job.width, height=job.height).images[0]  # fmt: skip
        return np.asarray(image)

    return paint


def together(engine: Engine, jobs: list[Job]) -> list[np.ndarray]:
    """All of them at once."""
    made: list = [None] * len(jobs)

    def work(at: int) -> None:
        made[at] = last(engine, jobs[at])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def last(engine: Engine, job: Job) -> np.ndarray:
    return next(event.pixels for event in engine.run(job) if isinstance(event, Made))


def timed(work):
    began = time.perf_counter()
    made = work()
    return made, time.perf_counter() - began


def latency(engine: Engine, sweep: list[Job], person: Job) -> float:
    """Seconds for one person's picture that is asked for when the sweep has just begun."""
    crowd = threading.Thread(target=together, args=(engine, sweep))
    crowd.start()
    time.sleep(0.2)
    _, seconds = timed(lambda: last(engine, person))
    crowd.join()
    return seconds


def random_weights(kind: str, folder: Path) -> str:
    """The shape of SD 1.5 or SDXL with random weights: the same work as the real ones."""
    text = CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                          num_attention_heads=12, projection_dim=768, bos_token_id=512, eos_token_id=513)  # fmt: skip
    levels = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, **levels)
    common = {"vae": vae, "tokenizer": tokenizer(), "text_encoder": CLIPTextModel(text),
              "scheduler": DDIMScheduler(**SCHEDULE)}  # fmt: skip
    if kind == "sd15":
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        StableDiffusionPipeline(unet=unet, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
                                **common).save_pretrained(folder)  # fmt: skip
        return str(folder)
    large = CLIPTextConfig(vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                           num_attention_heads=20, projection_dim=1280, bos_token_id=512, eos_token_id=513)  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=128, cross_attention_dim=2048, block_out_channels=(320, 640, 1280), attention_head_dim=(5, 10, 20),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), use_linear_projection=True,
        transformer_layers_per_block=(1, 2, 10), addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )  # fmt: skip
    StableDiffusionXLPipeline(unet=unet, text_encoder_2=CLIPTextModelWithProjection(large), tokenizer_2=tokenizer(),
                              **common).save_pretrained(folder)  # fmt: skip
    return str(folder)


def main() -> None:
    """Print the ratios."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--model", default=str(SHIPPED))
    asked.add_argument("--device", default=best_device())
    asked.add_argument("--dtype", default="")
    asked.add_argument("--size", type=int, default=128)
    asked.add_argument("--rows", type=int, default=16)
    asked.add_argument("--compile", action="store_true")
    given = asked.parse_args()
    dtype = given.dtype or ("fp32" if given.device == "cpu" else "fp16")
    with TemporaryDirectory() as made:
        folder = random_weights(given.model, Path(made)) if given.model in ("sd15", "sdxl") else given.model
        measure(folder, dtype, given)


def measure(folder: str, dtype: str, given: argparse.Namespace) -> None:
    """Everything on one checkpoint."""
    sweep = cells(given.size)
    jobs = [job for _, job in sweep]
    engine = Engine(load(folder, device=given.device, dtype=dtype), max_rows=given.rows)
    paint = stock(folder, given.device, dtype, given.compile)
    together(engine, jobs[:4])
    paint(*sweep[0])
    theirs, slow = timed(lambda: [paint(*cell) for cell in sweep])
    mine, fast = timed(lambda: together(engine, jobs))
    _, alone = timed(lambda: [last(engine, job) for job in jobs])
    middle = replace(jobs[0], steps=10, cfg=6.0)
    _, bound = timed(lambda: together(engine, [replace(middle, seed=seed) for seed in range(24)]))
    rows = sum(job.steps * (1 if job.cfg == 1 else 2) for job in jobs)
    differs = max(np.abs(one.astype(int) - other).max() for one, other in zip(mine, theirs, strict=True))
    person = replace(jobs[0], owner="person", urgent=True, seed=99)
    print(f"{given.device} {dtype}, {given.size} pixels, {len(jobs)} cells, {rows} rows, up to {given.rows} a call")
    print(f"largest pixel difference to the stock pipeline   {differs} of 255")
    print(f"stock pipeline in a loop{' (compiled)' if given.compile else '':<11}              1.00×   {slow:.2f} s")
    print(f"our loop, one cell at a time                     {slow / alone:.2f}×   {alone:.2f} s")
    print(f"our loop, mixed cells in shared batches          {slow / fast:.2f}×   {fast:.2f} s")
    share = bound * rows / (24 * 10 * 2)
    print(f"upper bound: equal cells, as many rows           {slow / share:.2f}×   {share:.2f} s")
    served = latency(engine, jobs, person)
    print(f"one person's picture during the sweep            {served:.2f} s; after it, first come first served, "
          f"{fast + alone / 24:.2f} s: {(fast + alone / 24) / served:.1f}× sooner")  # fmt: skip


if __name__ == "__main__":
    main()
