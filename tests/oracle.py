"""Our engine and diffusers' stock pipelines side by side: the last latent of each, and how far
apart they are."""

import diffusers
import numpy as np
import torch

from sdplay.engine.loop import Engine, LoopJob


def stock(folder):
    """diffusers' own pipeline for this checkpoint."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def latents(pipe, entry, job, **more):
    """The stock pipeline's last latent."""
    known = {
        key: pipe.scheduler.config[key]
        for key in ("beta_start", "beta_end", "beta_schedule", "prediction_type")
    }
    name, settings = entry.diffusers
    pipe.scheduler = getattr(diffusers, name)(**known, **settings)
    return pipe(
        job.prompt,
        negative_prompt=job.negative or None,
        num_inference_steps=job.steps,
        guidance_scale=job.cfg,
        generator=torch.Generator().manual_seed(job.seed),
        output_type="latent",
        eta=entry.own_eta if job.eta is None else job.eta,
        **more,
    ).images.numpy()


def ours(engine, job, start=None):
    """The last latent of our run: where its decoder would begin."""
    seen = []

    class Watching:
        def __getattr__(self, name):
            return getattr(engine.model, name)

        def decode(self, latent):
            seen.append(latent)
            return engine.model.decode(latent)

    list(Engine(Watching()).run(job, start))
    return seen[-1]


def off(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


def job_of(entry, **more):
    return LoopJob(
        **{
            "prompt": "a red fox, 3d style",
            "negative": "blue",
            "sampler": entry.sampler,
            "sigmas": entry.sigmas,
            "steps": 5,
            "cfg": 4.0,
            "seed": 11,
            "width": 96,
            "height": 64,
            **more,
        }
    )
