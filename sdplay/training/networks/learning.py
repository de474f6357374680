"""How text encoder and U-Net learn together from packs of encoded pictures (v-prediction, Muon,
averages of the weights)."""

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.func import functional_call

from sdplay.training.log import Log, checkpoint, load, rotate, save
from sdplay.training.networks.averages import Averages
from sdplay.training.networks.method import STEPS, Exercise, Method
from sdplay.training.networks.muon import optimizers
from sdplay.training.networks.pace import Pace, autocast
from sdplay.training.networks.unet import Painter
from sdplay.training.networks.words import numbered, tokenizer
from sdplay.training.packs import CHECK, Packs, SizeGroup, read
from sdplay.training.pictures.captions import caption

BATCH = 64
PACE = 1e-3
EVERY = 300
"""Seconds between checkpoints."""
CHECKS = 10_000
"""Pictures between two checks."""
TICK = 8
"""Steps between two moments that the averages take in."""
SNAPSHOT = 40_000
"""Pictures between two snapshots of the averages."""
UNSAID = 0.1
"""The share of captions left empty, for guidance."""
BANDS = ("clear", "middle", "noisy")
"""The thirds of the times, in which a check is told."""


@dataclass(frozen=True)
class Bounds:
    """How long a run goes on, and whether it cools meanwhile."""

    minutes: float
    until: float = math.inf
    """Pictures seen in all, those of the runs before included."""
    cool: bool = False


def train(
    packs: Path, out: Path, bounds: Bounds, log: Log, changes: Mapping[str, Any] | None = None
) -> None:
    """Go on from the last checkpoint, with some choices of its method changed."""
    state = Training(packs, out, changes=changes)
    pace = Pace(state.pace, bounds.minutes, bounds.cool, bounds.until - state.seen)
    log(f"unet {state.seen} pictures, {state.method}")
    try:
        _learn(state, pace, log)
    finally:
        state.save()
    log(f"unet {state.seen} pictures, {state.checked()}")


def _learn(state: "Training", pace: Pace, log: Log) -> None:
    began = saved = time.monotonic()
    losses: list[float] = []
    while pace.spent < 1:
        before = state.seen
        losses.append(state.step(pace.now))
        pace.learnt += state.seen - before
        if state.done % 50 == 0:
            log(
                f"unet {state.seen} pictures, loss {np.mean(losses[-200:]):.4f}, pace "
                f"{state.pace:.2f}, {pace.learnt / (time.monotonic() - began):.1f} a second, "
                f"{len(state.packs)} packed"
            )
        if time.monotonic() - saved > EVERY:
            state.save()
            state.packs.refresh()
            saved = time.monotonic()
        if state.seen // CHECKS > before // CHECKS:
            log(f"unet {state.seen} pictures, {state.checked()}")


class Training:
    """The painter, its averages and the packs, as far as they have come."""

    def __init__(
        self, packs: Path, out: Path, batch: int = BATCH, changes: Mapping[str, Any] | None = None
    ) -> None:
        self.out, self.batch = out, batch
        lexicon, state = checkpoint(out / "words.pt"), load(out / "unet.pt") or {}
        self.tokens = tokenizer(lexicon["words"])
        self.packs, self.check = Packs(packs), packs / CHECK
        self.method = replace(Method(**state.get("method", {})), **(changes or {}))
        self.painter = Painter(
            lexicon["words"], lexicon["vectors"].numpy(), self.method.layers, self.method.blur
        )
        self.learnt = self.painter.learnt()
        self.steppers = optimizers(self.painter, PACE)
        self.averages = Averages.beginning(self.learnt)
        self.done = self.seen = 0
        self.pace = 1.0
        """The share of the full learning rate at the last step."""
        if state:
            self._resume(state)
        # Runs that are compared meet the same pictures in the same order.
        torch.manual_seed(self.seen)
        self.dice = random.Random(self.seen)

    def _resume(self, state: dict[str, Any]) -> None:
        self.painter.put(state["weights"])
        self.averages = Averages(state["means"], state["ticks"])
        for stepper, memory in zip(self.steppers, state["steppers"], strict=False):
            stepper.load_state_dict(memory)
        self.done, self.seen, self.pace = state["steps"], state["seen"], state["pace"]

    def step(self, pace: float = 1.0) -> float:
        """One batch: noise, predict v, learn (at a share of the full pace), move the averages."""
        drawn = self.packs.batch(self.batch, self.dice)
        exercise = Exercise.drawn(drawn.latents, self.method)
        captions = [
            "" if self.dice.random() < UNSAID else caption(scene, self.dice)
            for scene in drawn.scenes
        ]
        with autocast():
            answer = self.painter(*self._asked(exercise, captions))
        loss = exercise.loss(answer, self.method.contrast)
        self.painter.zero_grad()
        loss.backward()
        self._move(pace)
        self._count(len(captions))
        return float(loss.detach())

    def _asked(self, exercise: Exercise, captions: Sequence[str]) -> tuple[torch.Tensor, ...]:
        """What the painter is given."""
        return exercise.noisy, exercise.times, numbered(self.tokens, captions)

    def _move(self, pace: float) -> None:
        self.pace = pace
        for group in (group for stepper in self.steppers for group in stepper.param_groups):
            group["lr"] = PACE * pace * min(1, (self.done + 1) / 200)
        torch.nn.utils.clip_grad_norm_(self.learnt.values(), 1.0)
        for stepper in self.steppers:
            stepper.step()

    def _count(self, pictures: int) -> None:
        """One step more; the averages take part, and are written, when it is time."""
        self.done += 1
        snapshots = self.seen // SNAPSHOT
        self.seen += pictures
        if self.done % TICK == 0:
            self.averages.take(self.learnt)
        if self.seen // SNAPSHOT > snapshots:
            self.averages.write(self.out / "averages")

    @torch.no_grad()
    def checked(self) -> str:
        """How far the narrower average is from pictures never trained on, always with the same
        noise and captions."""
        if not self.check.exists():
            return "unchecked"
        group, dice = read(self.check), random.Random(0)
        captions = [caption(scene, dice) for scene in group.scenes]
        third = STEPS // len(BANDS)
        within = torch.linspace(0, third - 1, len(captions)).long()
        missed = [self._missed(group, captions, within + at * third) for at in range(len(BANDS))]
        bands = ", ".join(f"{name} {loss:.4f}" for name, loss in zip(BANDS, missed, strict=True))
        return f"check {np.mean(missed):.4f} ({bands})"

    def _missed(self, group: SizeGroup, captions: Sequence[str], times: torch.Tensor) -> float:
        """The narrower average's loss at given times."""
        noise = torch.randn(group.latents.shape, generator=torch.Generator().manual_seed(0))
        exercise = Exercise.of(group.latents, noise, times)
        parts = (part.split(self.batch) for part in self._asked(exercise, captions))
        weights = self.averages.means[0]
        self.painter.eval()
        with autocast():
            answers = [
                functional_call(self.painter, weights, batch) for batch in zip(*parts, strict=True)
            ]
        self.painter.train()
        return float(exercise.loss(torch.cat(answers)))

    def save(self) -> None:
        """Write a checkpoint; the two before stay beside it."""
        rotate(self.out / "unet.pt")
        state = {
            "weights": {name: weight.detach() for name, weight in self.learnt.items()},
            "means": self.averages.means,
            "ticks": self.averages.ticks,
            "steppers": [stepper.state_dict() for stepper in self.steppers],
            "steps": self.done,
            "seen": self.seen,
            "pace": self.pace,
            "method": asdict(self.method),
        }
        save(state, self.out / "unet.pt")
