"""The built-in model on onnxruntime: text encoder, U-Net and autoencoder, without torch."""

import atexit
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime

from sdplay.engine.card import SHIPPED, Card
from sdplay.engine.cores import threads as usual_threads
from sdplay.engine.loop import LoopJob
from sdplay.engine.noise import Array
from sdplay.engine.samplers import Levels
from sdplay.engine.words import Words

PREDICTS = {"epsilon": "eps", "v_prediction": "v"}
NATIVE = Lock()
"""Held while a thread is inside onnxruntime."""


@atexit.register
def _leave() -> None:
    """A thread inside onnxruntime while Python shuts down crashes the process: let none in, wait
    for the last."""
    if not NATIVE.acquire(timeout=1.5):
        os._exit(0)


class OnnxModel:
    """A folder in diffusers' layout with ONNX graphs beside the weights."""

    def __init__(self, folder: Path = SHIPPED, threads: int | None = None) -> None:
        scheduler = json.loads((folder / "scheduler/scheduler_config.json").read_text())
        autoencoder = json.loads((folder / "vae/config.json").read_text())
        text = json.loads((folder / "text_encoder/config.json").read_text())
        self.levels = Levels.scaled_linear(
            scheduler["beta_start"],
            scheduler["beta_end"],
            scheduler["num_train_timesteps"],
            predicts=PREDICTS[scheduler["prediction_type"]],
        )
        self.channels: int = autoencoder["latent_channels"]
        self.factor = 2 ** (len(autoencoder["block_out_channels"]) - 1)
        self.scaling = np.float32(autoencoder["scaling_factor"])
        self._colours = np.array(Card.read(folder).preview, np.float32)
        self.words = Words(folder / "vocab.txt", text["max_position_embeddings"])
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or usual_threads()
        # A thread that spins while it waits takes the core from the one it waits for, as soon as
        # anything else runs on the machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        self._network = cache(
            lambda name: onnxruntime.InferenceSession(
                str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
            )
        )
        self._meanings: OrderedDict[str, Array] = OrderedDict()

    def embed(self, prompt: str) -> Array:
        """The meaning of one prompt; the last few hundred are remembered."""
        if prompt not in self._meanings:
            tokens = self._run("text_encoder", input_ids=self.words.tokens(prompt))
            self._meanings[prompt] = _meant(tokens, self.words.weights(prompt))
            while len(self._meanings) > 256:
                self._meanings.popitem(last=False)
        return self._meanings[prompt]

    def meanings(self, job: LoopJob, times: Sequence[float]) -> tuple[Array, ...]:
        return tuple(
            self.embed(text)
            for text in ((job.prompt, job.negative) if job.cfg != 1 else (job.prompt,))
        )

    def denoise(self, x: Any, times: Sequence[float], meanings: Sequence[Array]) -> Any:
        return self._run(
            "unet",
            sample=x,
            timestep=np.array(times, np.float32),
            encoder_hidden_states=np.concatenate(meanings),
        )

    def encode(self, pixels: Array, noise: Array | None = None) -> Array:
        """The mean alone: this encoder's graph has no spread to draw from."""
        return np.asarray(self._run("vae_encoder", sample=pixels) * self.scaling, np.float32)

    def decode(self, latents: Array) -> Array:
        # One by one: the decoder is the largest activation, and a picture costs no less in company.
        return np.concatenate(
            [self._run("vae_decoder", latent=latent[None] / self.scaling) for latent in latents]
        )

    def preview(self, latents: Array) -> Array:
        """What pictures of latents roughly look like, a pixel for each cell: one product of
        matrices, where the decoder costs as much as three steps."""
        channels, ground = self._colours[:-1], self._colours[-1]
        drawn = np.einsum("nchw,cd->ndhw", latents, channels) + ground[:, None, None]
        return np.asarray(drawn, np.float32)

    def _run(self, name: str, **fields: Any) -> Any:
        """One network's answer; one thread at a time, because each call fills all cores anyway."""
        with NATIVE:
            return self._network(name).run(None, fields)[0]


def _meant(tokens: Array, weights: Array) -> Array:
    """The tokens' meaning [1, length, width], each as strong as its weight; their mean stays what
    it was, as with A1111."""
    if (weights == 1).all():
        return tokens
    strong = tokens * weights[:, None]
    return np.asarray(strong * (tokens.mean() / strong.mean()), np.float32)
