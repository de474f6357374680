"""Stable Diffusion 1.x, 2.x and SDXL on torch: checkpoints from disk as a model that the tick loop
drives."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import numpy as np
import torch

from sdplay.engine.loop import LoopJob
from sdplay.engine.noise import Array
from sdplay.engine.samplers import Levels
from sdplay.engine.torch.lora import Lora, load_lora, worn
from sdplay.engine.torch.thrift import PLAIN, Seats, Thrift, compiled
from sdplay.engine.torch.tiles import Patch, blended, tiles_of
from sdplay.engine.torch.words import Embedding, framed, heard, load_embedding, meant, spelled
from sdplay.errors import BadParams

PREDICTS = {"epsilon": "eps", "v_prediction": "v"}
KEPT_FILES = 32
"""LoRAs and embeddings."""
T = TypeVar("T")
LARGEST_WHOLE = 1280 * 1280
"""Pixels that a processor codes at once: it has no error for too little memory, the system ends the
process.  The built-in decoder, a quarter as wide as Stable Diffusion's, took 3.0 GB for 2048 × 2048
pixels at once and 0.2 GB in tiles."""
SMALLEST_TILE = 512
"""Pixels a side of a tile that a decoder works on, a quarter of them shared with its neighbours.
Measured with the built-in decoder at 1024 × 1024 pixels: 2.3 of 255 off the whole picture (RMSE),
with tiles of 128 it was 8.1."""
QUICK_DECODER = 5_000_000
"""Up to so many weights a decoder is fast enough for previews; above, they are projected from the
latent."""


@dataclass(frozen=True)
class Guide:
    """One ControlNet at work: its picture [3, h, w] in 0 to 1, how hard it steers, and in which
    part of the run."""

    net: Any
    image: Array
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Steering:
    """A guide on the device, with the times at which it steers."""

    net: Any
    image: Any
    weight: float
    times: frozenset[float]

    def within(self, tile: Patch, factor: int) -> "Steering":
        return replace(self, image=tile.of(self.image, factor))


@dataclass(frozen=True)
class Meaning:
    """What steers one row: the prompt's tokens, for SDXL the pooled prompt and the picture's size,
    guides and LoRAs."""

    tokens: Any
    pooled: Any = None
    size: Any = None
    guides: tuple[Steering, ...] = ()
    loras: Mapping[Lora, float] = field(default_factory=dict)

    def within(self, tile: Patch, factor: int) -> "Meaning":
        """What steers that tile: the whole prompt, and its part of the guides."""
        return replace(self, guides=tuple(guide.within(tile, factor) for guide in self.guides))


@dataclass(frozen=True)
class Parts:
    """A checkpoint's networks, as diffusers and transformers load them."""

    unet: Any
    vae: Any
    tokenizers: tuple[Any, ...]
    texts: tuple[Any, ...]
    """One text encoder, or SDXL's two; its refiner has the second only."""
    schedule: dict[str, Any]
    zero_empty: bool = False
    """SDXL takes zeros for an empty negative prompt."""


class TorchModel:
    """One checkpoint on one device.  Latents stay float32 outside."""

    def __init__(
        self,
        parts: Parts,
        device: str = "cpu",
        dtype: Any = torch.float32,
        *,
        exact_rows: int = 0,
        thrift: Thrift = PLAIN,
    ) -> None:
        self.parts, self.device, self.dtype = parts, torch.device(device), dtype
        self.exact_rows = exact_rows
        """Every call is padded to so many rows, so that company never changes a bit; 0 is off."""
        self.cells = float("inf")
        """Latent cells that one call may have: learnt by running out of memory, so that large
        pictures get few rows."""
        self.levels = levels_of(parts.schedule)
        self.channels: int = parts.vae.config.latent_channels
        self.factor = 2 ** (len(parts.vae.config.block_out_channels) - 1)
        self.native = int(parts.unet.config.sample_size or 64) * self.factor
        """Pixels a side that it was made for."""
        shape = parts.unet.config
        self.wide = shape.addition_embed_type == "text_time"
        """SDXL or its refiner: a pooled prompt and numbers about the picture steer too."""
        self.build = (shape.cross_attention_dim, tuple(shape.block_out_channels), self.wide)
        """Models of one build share LoRAs and ControlNets."""
        self.latents = (self.channels, self.factor, parts.vae.config.scaling_factor)
        """Models with the same kind of latents can go on with each other's pictures."""
        if self.wide:
            about = (
                shape.projection_class_embeddings_input_dim - parts.texts[-1].config.projection_dim
            )
            self.rated = about == 5 * shape.addition_time_embed_dim
            """SDXL's refiner is told how beautiful the picture shall be."""
        self.widths = tuple(text.get_input_embeddings().weight.shape[1] for text in parts.texts)
        # SDXL's decoder overflows in half precision.
        overflows = self.wide and dtype == torch.float16 and parts.vae.config.force_upcast
        self.vae_dtype = torch.float32 if overflows else dtype
        if parts.unet.config.in_channels != self.channels:
            raise BadParams(
                f"This checkpoint's U-Net takes {parts.unet.config.in_channels} channels "
                "instead of "
                f"{self.channels}: it is made for inpainting only. Choose an ordinary "
                "checkpoint; it "
                "paints masks too."
            )
        networks = [
            (parts.unet, dtype),
            (parts.vae, self.vae_dtype),
            *((text, dtype) for text in parts.texts),
        ]
        self._seats = Seats(networks, self.device, thrift.offload)
        self._thrift, self._compiled = thrift, compiled(parts.unet, thrift.compiler)
        _widen_tiles(parts.vae, self.factor)
        if thrift.tiling:
            parts.vae.enable_tiling()
        self._read: OrderedDict[tuple[Any, ...], Meaning] = OrderedDict()
        self._files: OrderedDict[tuple[Path, int], Any] = OrderedDict()
        self._colours: Any = None
        self._lock = RLock()

    @property
    def tile(self) -> int:
        """Pixels a side of the tiles that larger pictures are denoised in; 0 is off."""
        return self._thrift.tile

    def meanings(self, job: LoopJob, times: Sequence[float]) -> tuple[Meaning, ...]:
        guides = tuple(self._steering(guide, times) for guide in job.guides)
        loras = {lora.lora: lora.weight for lora in job.loras}
        toward = replace(self._meaning(job, job.prompt), guides=guides, loras=loras)
        if job.cfg == 1:
            return (toward,)
        away = self._meaning(job, job.negative, away=True)
        return toward, replace(away, guides=guides, loras=loras)

    def denoise(self, x: Any, times: Sequence[float], meanings: Sequence[Meaning]) -> Array:
        """Large pictures tile by tile, where the model is set up so."""

        def answer(tile: Patch) -> Array:
            inside = [meaning.within(tile, self.factor) for meaning in meanings]
            return self._rows(tile.of(x), times, inside)

        return blended(x, self.tile // self.factor, answer)

    def tiles(self, width: int, height: int) -> int:
        """How many tiles a picture of that size is denoised in."""
        cells = (pixels // self.factor for pixels in (height, width, self.tile))
        return len(tiles_of(*cells))

    def _rows(self, x: Any, times: Sequence[float], meanings: Sequence[Meaning]) -> Array:
        """As many rows at once as memory holds: after running out, half as many from then on."""
        answers = [
            self._call(x[at : at + count], times[at : at + count], meanings[at : at + count])
            for at, count in self._portions(x)
        ]
        return np.concatenate(answers)

    def encode(self, pixels: Array, noise: Array) -> Array:
        config = self.parts.vae.config
        with self._alone(self.parts.vae):
            values = self._on(pixels, self.vae_dtype)
            spread = _in_tiles_if_needed(
                self.parts.vae,
                lambda vae: vae.encode(values).latent_dist,
                self._is_large(_cells(pixels)),
            )
            latents = spread.mean + spread.std * self._on(noise, self.vae_dtype)
            return _array((latents - (config.shift_factor or 0)) * config.scaling_factor)

    def decode(self, latents: Array) -> Array:
        # One by one: the decoder is the largest activation, and alone or in company it gives the
        # same bits.
        return np.concatenate([self._decoded(latent[None]) for latent in latents])

    def preview(self, latent: Array, rough: bool = False) -> Array:
        """One picture [1, 3, h, w] for people who wait: decoded when that is quick and need not be
        `rough`, else the latent's own colours."""
        with self._lock:
            if self.parts is None:
                return np.zeros((1, 3, *latent.shape[2:]), np.float32)
            size = sum(weights.numel() for weights in self.parts.vae.decoder.parameters())
            if size <= QUICK_DECODER and not self._thrift.offload and not rough:
                return self._decoded(latent)
            if self._colours is None:
                self._colours = self._fitted_colours()
        colours = (
            np.einsum("nchw,cd->ndhw", latent, self._colours[:-1])
            + self._colours[-1][:, None, None]
        )
        return np.asarray(colours, np.float32)

    def lora(self, file: Path) -> Lora:
        """A LoRA for this model."""
        networks = (self.parts.unet, *self.parts.texts)
        lora: Lora = self._cached(file, lambda: load_lora(file, networks, self.device, self.dtype))
        return lora

    def embedding(self, file: Path) -> Embedding:
        """An embedding for this model's text encoders."""
        embedding: Embedding = self._cached(file, lambda: load_embedding(file, self.widths))
        return embedding

    def cut_off(self, prompt: str, embeddings: Sequence[tuple[str, Embedding]] = ()) -> str:
        """The end of a prompt that is too long for the text encoder."""
        tokenizer = self.parts.tokenizers[0]
        ids = spelled(tokenizer, prompt, embeddings, 0).ids
        return str(tokenizer.decode(ids[tokenizer.model_max_length - 2 :])).strip()

    def close(self) -> None:
        """Give the memory back."""
        with self._lock:
            self.parts = None  # type: ignore[assignment]
            self._read, self._files = OrderedDict(), OrderedDict()
            self._seats = self._compiled = None  # type: ignore[assignment]
            _free(self.device)

    def _cached(self, file: Path, read: Callable[[], Any]) -> Any:
        """The last files used are kept, and a file that has changed is read again."""
        try:
            key = file, file.stat().st_mtime_ns
        except OSError as error:
            raise BadParams(f"{file.name} is not there any more.") from error
        with self._lock:
            if key not in self._files:
                self._files[key] = read()
            self._files.move_to_end(key)
            while len(self._files) > KEPT_FILES:
                self._files.popitem(last=False)
            return self._files[key]

    def _meaning(self, job: LoopJob, text: str, away: bool = False) -> Meaning:
        zeros = away and not text and self.wide and self.parts.zero_empty
        loras = tuple((lora.lora, lora.text_weight) for lora in job.loras)
        key = (text, job.clip_skip, zeros, loras, job.embeddings)
        with self._alone():
            if key not in self._read:
                self._read[key] = self._encoded(text, job, zeros)
                while len(self._read) > 256:
                    self._read.popitem(last=False)
            meaning = self._read[key]
            if not self.wide:
                return meaning
            conditions = [2.5 if away else 6.0] if self.rated else [job.height, job.width]
            size = torch.tensor(
                [[job.height, job.width, 0, 0, *conditions]], device=self.device, dtype=self.dtype
            )
            return Meaning(meaning.tokens, meaning.pooled, size)

    def _steering(self, guide: Guide, times: Sequence[float]) -> Steering:
        count = len(times)
        steers = frozenset(
            t
            for at, t in enumerate(times)
            if at / count >= guide.start and (at + 1) / count <= guide.end
        )
        guide.net.to(self.device, self.dtype).eval()
        return Steering(guide.net, self._on(guide.image[None], self.dtype), guide.weight, steers)

    def _encoded(self, text: str, job: LoopJob, zeros: bool) -> Meaning:
        self._seats.take(*self.parts.texts)
        layers = []
        for at, (tokenizer, encoder) in enumerate(
            zip(self.parts.tokenizers, self.parts.texts, strict=True)
        ):
            prompt = spelled(tokenizer, text, job.embeddings, at)
            worn_here = worn(encoder, at + 1, [{lora.lora: lora.text_weight for lora in job.loras}])
            with worn_here, heard(encoder, prompt.vectors):
                tokens, pooled = self._layer(encoder, *framed(tokenizer, prompt.ids), job.clip_skip)
            layers.append((meant(tokens, prompt.weights), pooled))
        tokens = torch.cat([layer for layer, _ in layers], -1)
        pooled = layers[-1][1] if self.wide else None
        if zeros:
            return Meaning(torch.zeros_like(tokens), torch.zeros_like(pooled))
        return Meaning(tokens, pooled)

    def _layer(self, encoder: Any, ids: Any, mask: Any, clip_skip: int) -> tuple[Any, Any]:
        """The tokens' meaning at the wanted layer, and the pooled one."""
        mask = (
            mask.to(self.device) if getattr(encoder.config, "use_attention_mask", False) else None
        )
        if clip_skip > encoder.config.num_hidden_layers - self.wide:
            raise BadParams(
                f"Clip skip must be at most {encoder.config.num_hidden_layers - self.wide} for "
                "this model, "
                f"not {clip_skip}."
            )
        answer = encoder(ids.to(self.device), attention_mask=mask, output_hidden_states=True)
        if self.wide:
            return answer.hidden_states[-1 - clip_skip], answer[0]
        if clip_skip == 1:
            return answer[0], None
        # transformers 5.6 took the inner module away, and diffusers 0.42 still asks for it.
        norm = getattr(encoder, "text_model", encoder).final_layer_norm
        return norm(answer.hidden_states[-clip_skip]), None

    def _portions(self, x: Any) -> Iterator[tuple[int, int]]:
        """Where each call's rows begin, and how many they are."""
        most = self.exact_rows or max(1, int(min(64, self.cells // _cells(x))))
        for at in range(0, len(x), most):
            yield at, min(most, len(x) - at)

    def _call(self, x: Any, times: Sequence[float], meanings: Sequence[Meaning]) -> Array:
        """One call of the U-Net; in halves when the memory does not hold it."""
        missing = max(0, self.exact_rows - len(x))
        if missing:
            x = np.concatenate([x, np.repeat(x[:1], missing, 0)])
            times, meanings = [*times, *[times[0]] * missing], [*meanings, *[meanings[0]] * missing]
        try:
            return self._answers(x, times, meanings)[: len(x) - missing]
        except torch.OutOfMemoryError:
            if len(x) == 1 or self.exact_rows:
                raise
        # Outside the handler, so that the failed call's tensors are gone.
        _free(self.device)
        half = len(x) // 2
        self.cells = half * _cells(x)
        return np.concatenate(
            [
                self._call(x[at : at + half], times[at : at + half], meanings[at : at + half])
                for at in range(0, len(x), half)
            ]
        )

    def _answers(self, x: Any, times: Sequence[float], meanings: Sequence[Meaning]) -> Array:
        with self._alone(self.parts.unet):
            timesteps = torch.tensor(times, dtype=torch.float32, device=self.device)
            sent = self._on(x, self.dtype)
            options = {
                **self._conditions(meanings),
                **self._steered(sent, timesteps, times, meanings),
            }
            tokens = torch.cat([meaning.tokens for meaning in meanings])
            # Compiled code does not see what a LoRA adds to the layers.
            unet = self.parts.unet if any(meaning.loras for meaning in meanings) else self._compiled
            with worn(self.parts.unet, 0, [meaning.loras for meaning in meanings]):
                return _array(unet(sent, timesteps, tokens, return_dict=False, **options)[0])

    def _conditions(self, meanings: Sequence[Meaning]) -> dict[str, Any]:
        """SDXL's further conditions."""
        if not self.wide:
            return {}
        return {
            "added_cond_kwargs": {
                "text_embeds": torch.cat([meaning.pooled for meaning in meanings]),
                "time_ids": torch.cat([meaning.size for meaning in meanings]),
            }
        }

    def _steered(
        self, x: Any, timesteps: Any, times: Sequence[float], meanings: Sequence[Meaning]
    ) -> dict[str, Any]:
        """What the ControlNets add inside the U-Net: one call for all rows of a net, nothing for
        the other rows."""
        at_work = [
            (row, guide)
            for row, meaning in enumerate(meanings)
            for guide in meaning.guides
            if times[row] in guide.times and guide.weight
        ]
        sums: list[Any] = []
        for net in {id(guide.net): guide.net for _, guide in at_work}.values():
            mine = [(row, guide) for row, guide in at_work if guide.net is net]
            rows = [row for row, _ in mine]
            those = [meanings[row] for row in rows]
            down, middle = net(
                x[rows],
                timesteps[rows],
                torch.cat([meaning.tokens for meaning in those]),
                controlnet_cond=torch.cat([guide.image for _, guide in mine]),
                return_dict=False,
                **self._conditions(those),
            )
            weights = torch.tensor(
                [guide.weight for _, guide in mine], device=self.device, dtype=self.dtype
            )
            parts = [*down, middle]
            sums = sums or [part.new_zeros((len(x), *part.shape[1:])) for part in parts]
            for total, part in zip(sums, parts, strict=True):
                total.index_add_(
                    0, torch.tensor(rows, device=self.device), part * weights.view(-1, 1, 1, 1)
                )
        if not sums:
            return {}
        return {
            "down_block_additional_residuals": tuple(sums[:-1]),
            "mid_block_additional_residual": sums[-1],
        }

    def _decoded(self, latent: Array) -> Array:
        config = self.parts.vae.config
        with self._alone(self.parts.vae):
            scaled = self._on(latent, torch.float32) / config.scaling_factor + (
                config.shift_factor or 0
            )
            return _in_tiles_if_needed(
                self.parts.vae,
                lambda vae: _array(vae.decode(scaled.to(self.vae_dtype)).sample),
                self._is_large(_cells(latent) * self.factor**2),
            )

    def _is_large(self, pixels: int) -> bool:
        """Whether a picture of so many pixels is taken apart before anything runs out."""
        return self.device.type != "cuda" and pixels > LARGEST_WHOLE

    def _fitted_colours(self) -> Array:
        """The best linear guess of a cell's colour from its latent, from one encoded picture of
        random patches."""
        cells = (
            np.random.default_rng(0)
            .uniform(-1, 1, (1, 3, 16, 16))
            .astype(np.float32)
            .repeat(2, 2)
            .repeat(2, 3)
        )
        shape = (1, self.channels, *cells.shape[2:])
        latent = self.encode(
            cells.repeat(self.factor, 2).repeat(self.factor, 3), np.zeros(shape, np.float32)
        )
        samples = np.concatenate(
            [latent[0].reshape(self.channels, -1), np.ones((1, 32 * 32), np.float32)]
        )
        return np.asarray(
            np.linalg.lstsq(samples.T, cells[0].reshape(3, -1).T, rcond=None)[0], np.float32
        )

    def _on(self, values: Any, dtype: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device, dtype)

    @contextmanager
    def _alone(self, *networks: Any) -> Iterator[None]:
        """One thread at a time: each call fills the device anyway, and memory is then known."""
        with self._lock, torch.inference_mode():
            if networks:
                self._seats.take(*networks)
            yield


def levels_of(schedule: dict[str, Any]) -> Levels:
    """The noise levels a checkpoint was trained on, from its scheduler's settings."""
    predicts = schedule.get("prediction_type", "epsilon")
    if predicts not in PREDICTS or schedule.get("rescale_betas_zero_snr"):
        raise BadParams(
            f"This checkpoint predicts {predicts!r}"
            f"{' down to zero signal' if schedule.get('rescale_betas_zero_snr') else ''}, which "
            "the "
            "samplers do not know. Choose one that predicts epsilon or v."
        )
    count, kind = (
        int(schedule.get("num_train_timesteps", 1000)),
        schedule.get("beta_schedule", "linear"),
    )
    start, end = float(schedule.get("beta_start", 0.0001)), float(schedule.get("beta_end", 0.02))
    if schedule.get("trained_betas") is None and kind == "scaled_linear":
        return Levels.scaled_linear(start, end, count, predicts=PREDICTS[predicts])
    if schedule.get("trained_betas") is None and kind != "linear":
        raise BadParams(
            f"This checkpoint's noise schedule {kind!r} is not known. There are: scaled_linear, "
            "linear."
        )
    betas = np.asarray(schedule.get("trained_betas") or np.linspace(start, end, count), np.float32)
    return Levels(
        tuple(float(value) for value in np.cumprod(1 - betas, dtype=np.float32)), PREDICTS[predicts]
    )


def best_device() -> str:
    """The fastest device here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _widen_tiles(vae: Any, factor: int) -> None:
    """Tiles as large as the pictures that a small decoder learned from leave seams."""
    if vae.tile_sample_min_size < SMALLEST_TILE:
        vae.tile_sample_min_size = SMALLEST_TILE
        vae.tile_latent_min_size = SMALLEST_TILE // factor


def _in_tiles_if_needed(vae: Any, code: Callable[[Any], T], large: bool) -> T:
    """The picture at once; in tiles where it is large, or when the memory does not hold it."""
    if vae.use_tiling:
        return code(vae)
    if not large:
        with suppress(torch.OutOfMemoryError):
            return code(vae)
    vae.enable_tiling()
    try:
        return code(vae)
    finally:
        vae.disable_tiling()


def _cells(x: Any) -> int:
    """Of one row."""
    return int(x.shape[2] * x.shape[3])


def _array(values: Any) -> Array:
    return np.asarray(values.float().cpu().numpy(), np.float32)


def _free(device: Any) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
