"""Models of other families (SD3, FLUX …) in diffusers' own pipelines: one picture at a time, in the
pipeline's way."""

import inspect
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image
from PIL import Image

from sdplay.engine.loop import LoopJob, Made, Moment
from sdplay.engine.torch.thrift import PLAIN, Thrift, compiled
from sdplay.errors import BadParams, Cancelled
from sdplay.sharing.turns import Claim, Turns


class _Place:
    """One job's place in the line."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim


class Stock:
    """One pipeline on one device."""

    def __init__(self, pipe: Any, device: str, thrift: Thrift = PLAIN) -> None:
        self.pipe, self.family = pipe, type(pipe).__name__.removesuffix("Pipeline")
        self.scheduler = type(pipe.scheduler).__name__
        self.tile = thrift.tile
        """Pixels a side of tiles that were wished for; these pipelines know none."""
        pipe.set_progress_bar_config(disable=True)
        if thrift.offload:
            offload = (
                pipe.enable_model_cpu_offload
                if thrift.offload == "parts"
                else pipe.enable_sequential_cpu_offload
            )
            offload(device=device)
        else:
            pipe.to(device)
        if thrift.tiling:
            pipe.vae.enable_tiling()
        if thrift.compiler:
            pipe.transformer = compiled(pipe.transformer, thrift.compiler)
        self._line, self._busy, self._turns = list[_Place](), False, Turns()
        self._turn = threading.Condition()

    @property
    def takes(self) -> frozenset[str]:
        """Which of the settings that not every family knows this one does."""
        learned = getattr(getattr(self.pipe, "transformer", None), "config", None)
        guided = _names(self.pipe) & {"guidance_scale", "true_cfg_scale"} and getattr(
            learned, "guidance_embeds", True
        )
        away = "negative_prompt" in _names(self.pipe) and self._pushes_away
        return frozenset(name for name, offered in (("cfg", guided), ("negative", away)) if offered)

    @property
    def _pushes_away(self) -> bool:
        """FLUX has learned what CFG does and pushes away from nothing, unless it is told a true
        CFG."""
        true = inspect.signature(self.pipe.__call__).parameters.get("true_cfg_scale")
        return true is None or true.default > 1

    def run(
        self, job: LoopJob, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Moment | Made]:
        """Yield Moments and at the end Made.  Closing the iterator stops the pipeline after its
        present step."""
        asked = time.perf_counter()
        with self._alone(_Place(Claim(job.owner, job.urgent)), stopped):
            company = time.perf_counter() - asked
            result = yield from self._steps(job)
        yield replace(result, company=company)

    def _steps(self, job: LoopJob) -> Generator[Moment, None, Made]:
        events: queue.SimpleQueue[Moment | Made | BaseException] = queue.SimpleQueue()
        gone = threading.Event()
        work = threading.Thread(
            target=self._paint, args=(job, events, gone), name="stock", daemon=True
        )
        work.start()
        try:
            while True:
                event = events.get()
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Made):
                    return event
                yield event
        finally:
            gone.set()
            work.join()

    def close(self) -> None:
        """Give the memory back."""
        self.pipe = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @contextmanager
    def _alone(self, mine: "_Place", stopped: Callable[[], bool]) -> Iterator[None]:
        """One after the other, whose turn it is."""
        with self._turn:
            self._line.append(mine)
            try:
                while self._busy or self._turns.order(self._line, _claim)[0] is not mine:
                    self._turn.wait(0.5)
                    if stopped():
                        raise Cancelled("It was stopped before its turn.")
                self._busy = True
                self._turns.serve(mine.claim)
            finally:
                self._line.remove(mine)
                self._turn.notify_all()
        try:
            yield
        finally:
            with self._turn:
                self._busy = False
                self._turn.notify_all()

    def _paint(self, job: LoopJob, events: Any, gone: threading.Event) -> None:
        start = time.perf_counter()
        sampled = start

        def step(pipe: Any, at: int, noise: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            nonlocal sampled
            sampled = time.perf_counter()
            if gone.is_set():
                raise Cancelled("It was stopped.")
            steps = getattr(pipe, "num_timesteps", None) or job.steps
            events.put(Moment(at + 1, steps, float(noise) / 1000, sampled - start))
            return tensors

        try:
            pipe = self._pipe_for(job)
            image = pipe(**self._arguments(pipe, job, step)).images[0]
            ended = time.perf_counter()
            pixels = np.asarray(image.convert("RGB"))
            events.put(Made(pixels, sampled - start, ended - sampled, 0.0, job.steps))
        except ValueError as error:
            events.put(
                BadParams(
                    f"{self.family} does not take these settings: "
                    f"{' '.join(str(error).split())[:300]}"
                )
            )
        except BaseException as error:  # it belongs to this job: told where it is waited for
            events.put(error)

    def _pipe_for(self, job: LoopJob) -> Any:
        if job.start is None:
            return self.pipe
        try:
            return AutoPipelineForImage2Image.from_pipe(self.pipe)
        except ValueError as error:
            raise BadParams(
                f"{self.family} paints from words only: leave the start image out."
            ) from error

    def _arguments(self, pipe: Any, job: LoopJob, step: Any) -> dict[str, Any]:
        """The job in this pipeline's words, without those it does not know."""
        cfg = (
            "true_cfg_scale"
            if self._pushes_away and "true_cfg_scale" in _names(pipe)
            else "guidance_scale"
        )
        arguments = {
            "prompt": job.prompt,
            "negative_prompt": job.negative or None,
            "num_inference_steps": job.steps,
            cfg: job.cfg,
            "width": job.width,
            "height": job.height,
            "callback_on_step_end": step,
            "generator": torch.Generator().manual_seed(job.seed),
        }
        if job.start is not None:
            start = Image.fromarray(
                ((job.start.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)
            )
            arguments |= {"image": start, "strength": job.strength}
        return {name: value for name, value in arguments.items() if name in _names(pipe)}


def _claim(seat: _Place) -> Claim:
    return seat.claim


def _names(pipe: Any) -> set[str]:
    return set(inspect.signature(pipe.__call__).parameters)
