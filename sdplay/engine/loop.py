"""The tick loop: denoising steps of different pictures share model calls.

Jobs with different samplers, steps, CFG, seeds, prompts, strengths and sizes join and leave at any
tick.  Each tick takes rows of one latent size, the least served owner first, so that no sweep
starves another person's picture.
"""

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from sdplay.engine.noise import Array, TorchNoise
from sdplay.engine.samplers import Levels, Mix, SamplerPlan, Step, plan
from sdplay.errors import BackendLost, PlayError
from sdplay.sharing.turns import Claim, Turns, for_sweeps

HEARTBEAT = 0.5
"""Seconds after which one who waits looks whether the engine's thread still lives."""


class Model(Protocol):
    """What the loop drives: three networks, whatever they run on, called from any thread."""

    levels: Levels
    channels: int
    factor: int
    """Pixels per latent cell."""

    def meanings(self, job: "LoopJob", times: Sequence[float]) -> tuple[Any, ...]:
        """What steers the job's rows: its prompt, and with CFG its negative prompt.  The model is
        told these times."""

    def denoise(self, x: Any, times: Sequence[float], meanings: Sequence[Any]) -> Any:
        """The model's answer, row by row."""

    def encode(self, pixels: Array, noise: Array) -> Array:
        """Latents of pictures [n, 3, h, w] in -1 to 1; an encoder that answers with a spread draws
        with that noise."""

    def decode(self, latents: Array) -> Array:
        """Pictures of latents, in -1 to 1."""

    def preview(self, latents: Array) -> Array:
        """The same, quick and rough, for people who wait."""


@dataclass(frozen=True)
class LoopJob:
    """Everything that names one picture for the engine."""

    prompt: str
    sampler: str
    steps: int
    negative: str = ""
    sigmas: str = "normal"
    cfg: float = 7.0
    seed: int = 0
    width: int = 128
    height: int = 128
    eta: float | None = None
    """None is the sampler's own."""
    strength: float = 1.0
    start: Array | None = field(default=None, compare=False)
    """The start image as pixels [3, h, w] in -1 to 1."""
    latent: Array | None = field(default=None, compare=False)
    """A latent [1, c, h, w] to start from instead of a picture."""
    guides: tuple[Any, ...] = field(default=(), compare=False)
    """ControlNets and their pictures, for models that know them."""
    loras: tuple[Any, ...] = ()
    """LoRAs as they are worn in this picture, for models that know them."""
    embeddings: tuple[Any, ...] = ()
    """Names in the prompts that stand for vectors, and those, for models that know them."""
    mask: Array | None = field(default=None, compare=False)
    """1 where it is painted anew, at latent size [h, w]."""
    variation_seed: int = 0
    variation_strength: float = 0.0
    clip_skip: int = 1
    """Read the prompt this many layers before the text encoder's end; 1 is the end."""
    owner: str = ""
    urgent: bool = True
    """A person waits for just this one; cells of a sweep are not urgent."""
    frames: bool = False
    """Keep what is seen at every step."""
    frame_steps: frozenset[int] = frozenset()
    """With `frames`: the only steps to keep. Empty means every step."""
    previews: bool = False
    snapshot_at: int | None = None
    """Hand out the state after this many steps, so that variants can start from it."""


@dataclass(frozen=True)
class Snapshot:
    """The state of a run between two steps: what a fork starts from."""

    done: int
    xs: tuple[Array, ...]
    ms: tuple[Array, ...]
    stream: TorchNoise
    noise: Array
    image: Array | None
    spent: float = 0.0
    company: float = 0.0
    """While others had their turns."""
    moments: tuple["Moment", ...] = ()
    """What frames are made of."""


@dataclass(frozen=True)
class Moment:
    """One step done."""

    step: int
    steps: int
    sigma: float
    seconds: float
    """Spent on this picture so far, without the turns of others."""
    clean: Array | None = None
    """The predicted clean latent, when a preview or frames were asked for."""
    noisy: Array | None = None
    company: float = 0.0
    """While others had their turns."""


@dataclass(frozen=True)
class Made:
    """The finished picture as pixels [h, w, 3], with its frames and where the time went."""

    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    sampling: float
    """Its share of the time in the model."""
    decode: float
    company: float
    """While others had their turns."""
    evaluations: int
    frames: tuple[tuple[Moment, Any, Any], ...] = ()
    """Moment, clean picture and noisy picture."""
    latent: Array | None = field(default=None, compare=False, repr=False)


Event = Moment | Made | Snapshot


class Run:
    """One job on its way.  Only the loop's thread changes it."""

    def __init__(self, job: LoopJob, snapshot: Snapshot | None) -> None:
        self.job, self.snapshot = job, snapshot
        self.events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
        self.cancelled = threading.Event()
        self.thread: threading.Thread | None = None
        """The loop's thread that this job was given to."""
        self.asked = time.perf_counter()
        self.started = 0.0
        self.spent = self.brought = 0.0
        """Its own share of the model's time: what the picture would cost without the company."""
        self.company = 0.0
        """While the model worked for others."""
        self.at = 0
        self.evaluations = 0
        self.moments: list[Moment] = []
        self.last_preview = self.asked

    def prepare(self, model: Model) -> None:
        """Work out the plan, the prompt's meaning and the first x."""
        job = self.job
        self.started = time.perf_counter()
        self.plan: SamplerPlan = planned(job, model.levels)
        self.meanings = model.meanings(job, [step.t for step in self.plan.steps])
        self.shape = (1, model.channels, job.height // model.factor, job.width // model.factor)
        if self.snapshot:
            self._resume(self.snapshot)
            return
        self.stream = TorchNoise(job.seed)
        # The encoder's own noise comes first, as in diffusers.
        self.image = (
            job.latent
            if job.start is None
            else model.encode(job.start[None], self.stream.randn(self.shape))
        )
        self.noise = _varied(self.stream.randn(self.shape), job)
        if job.mask is not None:
            self.stream.randn(
                self.shape
            )  # diffusers encodes the masked picture too, which draws once more
        signal, level = self.plan.begin
        start = self.noise * np.float32(level)
        if self.image is not None:
            start = self.image * np.float32(signal) + start
        self.xs: list[Any] = [start]
        self.ms: list[Any] = []

    def _resume(self, snapshot: Snapshot) -> None:
        self.at, self.xs, self.ms = snapshot.done, list(snapshot.xs), list(snapshot.ms)
        self.stream, self.noise, self.image = snapshot.stream.copy(), snapshot.noise, snapshot.image
        self.spent = self.brought = snapshot.spent
        self.moments = list(snapshot.moments)

    @property
    def step(self) -> Step:
        return self.plan.steps[self.at]

    @property
    def finished(self) -> bool:
        return self.at >= len(self.plan.steps)

    @property
    def rows(self) -> int:
        return len(self.meanings)

    def advance(self, output: Any) -> Moment:
        """Take the model's answer into x."""
        step, job = self.step, self.job
        memory = _sum((step.memory[0], step.memory[1]), (self.xs[0], output))
        noisy = self.xs[0] if job.frames else None
        clean = _sum(step.clean, (self.xs[0], output)) if job.frames or job.previews else None
        self.ms = [memory, *self.ms[:4]]
        if step.correct:
            self.xs[0] = _mix(step.correct, self.xs, self.ms)
        x = _mix(step.update, self.xs, self.ms)
        if step.noise:
            x = x + self.stream.randn(self.shape) * np.float32(step.noise)
        if job.mask is not None and self.image is not None:
            # Around the mask the start image ends clean, also where a sampler's last level is not
            # quite zero.
            last = self.at + 1 == len(self.plan.steps)
            unmasked = _sum((1.0, 0.0) if last else step.after, (self.image, self.noise))
            x = x * job.mask + unmasked * (1 - job.mask)
        self.xs = [x, *self.xs[:1]]
        self.at += 1
        self.evaluations += self.rows
        scaled = (
            None
            if noisy is None
            else noisy * np.float32(1 / np.sqrt(1 + step.sigma**2) if step.scale != 1 else 1)
        )
        return Moment(
            self.at, len(self.plan.steps), step.sigma, self.spent, clean, scaled, self.company
        )

    def copy_state(self) -> Snapshot:
        return Snapshot(
            self.at,
            tuple(self.xs),
            tuple(self.ms),
            self.stream.copy(),
            self.noise,
            self.image,
            self.spent,
            self.company,
            tuple(self.moments),
        )


def _heard(run: Run) -> Event | BaseException:
    """The job's next event; an error when the thread that would send it is gone."""
    while True:
        try:
            return run.events.get(timeout=HEARTBEAT)
        except queue.Empty:
            # It may have sent the last event between the two looks.
            if run.thread and not run.thread.is_alive() and run.events.empty():
                return BackendLost(
                    "The model's thread ended in the middle of this picture. Try again: it is "
                    "started anew."
                )


def _claim(run: Run) -> Claim:
    return Claim(run.job.owner, run.job.urgent, run.rows)


def planned(job: LoopJob, levels: Levels) -> SamplerPlan:
    """The steps that a job takes on a model with these noise levels."""
    return plan(
        job.sampler,
        job.sigmas,
        job.steps,
        levels,
        strength=job.strength,
        from_image=job.start is not None or job.latent is not None,
        eta=job.eta,
    )


def _sum(weights: Sequence[float], parts: Sequence[Any]) -> Any:
    total = parts[0] * np.float32(weights[0])
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        if weight:
            total = total + part * np.float32(weight)
    return total


def _mix(mix: Mix, xs: Sequence[Any], ms: Sequence[Any]) -> Any:
    pairs = [*zip(mix.xs, xs, strict=False), *zip(mix.ms, ms, strict=False)]
    pairs = [pair for pair in pairs if pair[0]] or pairs[:1]
    return _sum([weight for weight, _ in pairs], [part for _, part in pairs])


def _varied(noise: Array, job: LoopJob) -> Array:
    """Mix in the variation seed's noise along the sphere, so that the length stays that of
    noise."""
    if not job.variation_strength:
        return noise
    variation = TorchNoise(job.variation_seed).randn(noise.shape)
    cosine = float((noise * variation).sum() / np.sqrt((noise**2).sum() * (variation**2).sum()))
    angle = np.arccos(np.clip(cosine, -1, 1))
    share = job.variation_strength
    mixed = (np.sin((1 - share) * angle) * noise + np.sin(share * angle) * variation) / np.sin(
        angle
    )
    return np.asarray(mixed, np.float32)


class Engine:
    """One model and the thread that drives it for everybody."""

    def __init__(self, model: Model, *, max_rows: int = 16, preview_seconds: float = 0.3) -> None:
        self.model, self.max_rows, self.preview_seconds = model, max_rows, preview_seconds
        self._new: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._runs: list[Run] = []
        self._turns = Turns()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, job: LoopJob, start: Snapshot | None = None) -> Iterator[Event]:
        """Yield Moments and at the end Made.  Closing the iterator cancels the job; its neighbours
        never notice."""
        run = Run(job, start)
        self._submit(run)
        try:
            while True:
                event = _heard(run)
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Made):
                    # Here, in the asker's thread: its neighbours go on meanwhile.
                    yield replace(event, frames=self._frames(run))
                    return
                yield event
        finally:
            run.cancelled.set()

    def decode(self, latent: Array) -> Any:
        """One latent as pixels [h, w, 3], from any thread."""
        return _pixels(self.model.decode(latent))[0]

    def preview(self, latent: Array) -> Any:
        """The same, quick and rough and maybe smaller, for people who wait."""
        return _pixels(self.model.preview(latent))[0]

    def close(self) -> None:
        """End the thread of a model that nobody uses any more, after the jobs that it has."""
        self._new.put(None)

    def _submit(self, run: Run) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._new, self._runs = queue.SimpleQueue(), []
                self._thread = threading.Thread(target=self._forever, name="engine", daemon=True)
                self._thread.start()
            run.thread = self._thread
            self._new.put(run)

    def _forever(self) -> None:
        closing = False
        while not (closing and self._ended()):
            while not self._new.empty() or not (self._runs or closing):
                run = self._new.get()
                if run is None:
                    closing = True
                else:
                    self._admit(run)
            self._runs = [run for run in self._runs if not run.cancelled.is_set()]
            if self._runs:
                self._tick()

    def _ended(self) -> bool:
        """Whether nothing is left to do; from then on a new job needs a new thread."""
        with self._lock:
            if self._runs or not self._new.empty():
                return False
            self._thread = None
            return True

    def _admit(self, run: Run) -> None:
        """A job that cannot start tells its owner and is gone."""
        if self._runs:
            run.company += time.perf_counter() - run.asked
        try:
            run.prepare(self.model)
        except Exception as error:
            # The loop serves everybody: one job's failure is that job's alone.
            run.events.put(error)
            return
        self._runs.append(run)
        if run.finished:
            self._finish([run])

    def _chosen(self) -> list[Run]:
        """Rows of one size for one call, in the order of their turns; sweeps leave an eighth of
        them to the single pictures that are there."""
        order = self._turns.order(self._runs, _claim)
        fitting = [run for run in order if run.shape == order[0].shape]
        singles = sum(run.rows for run in fitting if run.job.urgent)
        chosen: list[Run] = []
        rows = 0
        for run in fitting:
            left = 0 if run.job.urgent else self.max_rows - for_sweeps(self.max_rows)
            if not chosen or rows + run.rows <= self.max_rows - min(left, singles):
                chosen.append(run)
                rows += run.rows
                singles -= run.rows if run.job.urgent else 0
        return chosen

    def _tick(self) -> None:
        chosen = self._chosen()
        started = time.perf_counter()
        answered = self._answered(chosen)
        took = time.perf_counter() - started
        a_row = took / sum(run.rows for run in chosen)
        self._share(took, {id(run): a_row * run.rows for run in chosen})
        for run, output in answered:
            run.spent += a_row * run.rows
            self._turns.serve(_claim(run))
            try:
                self._tell(run, run.advance(output))
            except Exception as error:  # this job's arithmetic failed: its neighbours go on
                self._drop([run], error)
        self._finish([run for run in chosen if run in self._runs and run.finished])

    def _share(self, took: float, own: Mapping[int, float]) -> None:
        """Seconds in the model are the company of those who are here, but for their own part."""
        for run in self._runs:
            run.company += took - own.get(id(run), 0.0)

    def _answered(self, chosen: list[Run]) -> list[tuple[Run, Any]]:
        """Each run with the model's answer.  A call that fails is made again one by one: only the
        culprits are gone."""
        try:
            return list(zip(chosen, self._denoise(chosen), strict=True))
        except Exception as error:
            # Whatever the model raised belongs to these jobs, not to the thread.
            if len(chosen) == 1:
                self._drop(chosen, error)
                return []
        return [pair for run in chosen for pair in self._answered([run])]

    def _denoise(self, chosen: list[Run]) -> list[Any]:
        """One model call for all rows; CFG is put together per job."""
        xs: list[Any] = []
        times: list[float] = []
        meanings: list[Any] = []
        for run in chosen:
            scaled = run.xs[0] * np.float32(run.step.scale)
            for meaning in run.meanings:
                xs.append(scaled)
                times.append(run.step.t)
                meanings.append(meaning)
        answers = self.model.denoise(np.concatenate(xs), times, meanings)
        outputs, at = [], 0
        for run in chosen:
            toward = answers[at : at + 1]
            if run.rows == 2:
                away = answers[at + 1 : at + 2]
                toward = away + np.float32(run.job.cfg) * (toward - away)
            outputs.append(toward)
            at += run.rows
        return outputs

    def _tell(self, run: Run, moment: Moment) -> None:
        job = run.job
        if job.frames and (run.at in job.frame_steps or not job.frame_steps):
            run.moments.append(moment)
        now = time.perf_counter()
        due = job.previews and now - run.last_preview >= self.preview_seconds
        if due:
            run.last_preview = now
        run.events.put(replace(moment, clean=moment.clean if due else None, noisy=None))
        if job.snapshot_at == run.at:
            run.events.put(run.copy_state())

    def _finish(self, done: list[Run]) -> None:
        """Decode what ended in this tick, same sizes together."""
        while done:
            same = [run for run in done if run.shape == done[0].shape][:4]
            done = [run for run in done if run not in same]
            started = time.perf_counter()
            try:
                pictures = _pixels(self.model.decode(np.concatenate([run.xs[0] for run in same])))
                took = time.perf_counter() - started
                spent = took / len(same)
                self._share(took, {id(run): spent for run in same})
                results = [
                    self._result(run, pixels, spent)
                    for run, pixels in zip(same, pictures, strict=True)
                ]
            except Exception as error:  # as in _tick
                self._drop(same, error)
                continue
            for run, result in zip(same, results, strict=True):
                run.events.put(result)
            self._runs = [run for run in self._runs if run not in same]

    def _result(self, run: Run, pixels: Any, spent: float) -> Made:
        return Made(pixels, run.spent, spent, run.company, run.evaluations, latent=run.xs[0])

    def _frames(self, run: Run) -> tuple[tuple[Moment, Any, Any], ...]:
        return tuple(
            (moment, self.decode(moment.clean), self.decode(moment.noisy))
            for moment in run.moments
            if moment.clean is not None and moment.noisy is not None
        )

    def _drop(self, runs: list[Run], error: Exception) -> None:
        failure = (
            error if isinstance(error, PlayError) else RuntimeError(f"The model failed: {error}")
        )
        failure.__cause__ = error if failure is not error else None
        for run in runs:
            run.events.put(failure)
        self._runs = [run for run in self._runs if run not in runs]


def _pixels(decoded: Array) -> Any:
    """-1 to 1 channels first to bytes channels last."""
    return (np.clip(decoded * 0.5 + 0.5, 0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
