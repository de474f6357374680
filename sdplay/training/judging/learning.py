"""How the judge learns from its album: mirrored, brighter or darker, some of it melted."""

import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from sdplay.training.judging.album import Album, Targets
from sdplay.training.judging.judge import Judge, melted
from sdplay.training.log import Log, load, save
from sdplay.training.networks.muon import optimizers
from sdplay.training.networks.pace import Pace, autocast
from sdplay.training.pictures.icons import things

BATCH = 64
PACE = 2e-3
MELT = (0.06, 0.11)
"""How far outlines are bent in melted pictures, in half sides of the picture."""
UNMELTED = 0.012
EVERY = 240
"""Seconds between checkpoints."""


def train(album: Album, out: Path, minutes: float, until: float, log: Log) -> None:
    """From the last checkpoint on, ever slower, for that long or until so many pictures were seen
    in all."""
    state = load(out / "judge.pt") or {"seen": 0, "pace": 1.0}
    torch.manual_seed(state["seen"])
    judge = Judge(len(things())).to(memory_format=torch.channels_last)
    if "judge" in state:
        judge.load_state_dict(state["judge"])
    steppers, dice = optimizers(judge, PACE), random.Random(state["seen"])
    pace = Pace(state["pace"], minutes, cool=True, pictures=until - state["seen"])
    saved, right = time.monotonic(), 0.0
    while pace.spent < 1:
        loss, share = loss_of(judge, *spoiled(*album.batch(BATCH, dice), dice))
        judge.zero_grad()
        loss.backward()
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = PACE * pace.now
            stepper.step()
        pace.learnt += BATCH
        right = 0.98 * right + 0.02 * share
        seen = state["seen"] + pace.learnt
        if pace.learnt % (100 * BATCH) == 0:
            log(
                f"judge {seen} pictures, loss {loss.item():.3f}, {right:.1%} named, pace "
                f"{pace.now:.2f}, {seen / len(album.pixels):.1f} times the album"
            )
        if time.monotonic() - saved > EVERY:
            _save(judge, seen, pace.now, out)
            saved = time.monotonic()
    _save(judge, state["seen"] + pace.learnt, pace.now, out)


def read(out: Path) -> Judge:
    """The judge of a run."""
    state = load(out / "judge.pt")
    if state is None:
        raise SystemExit(f"{out / 'judge.pt'} is missing: run the stage judge first.")
    judge = Judge(len(things()))
    judge.load_state_dict(state["judge"])
    judge.eval()
    return judge


@torch.no_grad()
def spoiled(
    pixels: torch.Tensor, targets: Targets, dice: random.Random
) -> tuple[torch.Tensor, Targets, torch.Tensor]:
    """Each a little brighter or darker, a third of the batch melted.  Last: which are whole."""
    third = len(pixels) // 3
    bent = melted(pixels[:third], dice.uniform(*MELT), dice)
    sound = melted(pixels[third:], UNMELTED, dice)
    gain, shift = (torch.empty(len(pixels), 1, 1, 1).uniform_(-0.08, 0.08) for _ in "12")
    whole = (torch.arange(len(pixels)) >= third).float()
    return (torch.cat([bent, sound]) * (1 + gain) + shift).clamp(-1, 1), targets, whole


def loss_of(
    judge: Judge, pixels: torch.Tensor, targets: Targets, whole: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Where things are, what they are, their colours, and whether they are whole; what melted
    things are is not asked.  Second: the share of whole things named rightly."""
    with autocast():
        outputs = judge(pixels.contiguous(memory_format=torch.channels_last))
    present, named, coloured, sound = (output.float() for output in outputs)
    covered = targets.things >= 0
    unmelted = whole[:, None, None].expand_as(covered) > 0
    names = torch.where(unmelted, targets.things, -1)
    losses = [
        _found(present[:, 0], targets.present),
        _named(named, names),
        0.5 * _named(coloured, torch.where(unmelted, targets.colours, -1)),
        0.7 * _sound(sound[:, 0], covered, whole),
    ]
    right = (named.argmax(1) == names)[names >= 0].float().mean()
    return torch.stack(losses).sum(), float(right)


def _named(logits: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
    """Cross-entropy where a name is asked for; nothing where none is."""
    if not (names >= 0).any():
        return logits.new_zeros(())
    return F.cross_entropy(logits, names.long(), ignore_index=-1, label_smoothing=0.05)


def _sound(sure: torch.Tensor, covered: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Whether the things that cover a place are whole."""
    truth = whole[:, None, None].expand_as(covered)[covered]
    return F.binary_cross_entropy_with_logits(sure[covered], truth)


def _found(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The focal loss for maps of middles (Zhou et al. 2019)."""
    sure = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    middle = targets > 0.97
    hits = -torch.log(sure) * (1 - sure) ** 2 * middle
    misses = -torch.log(1 - sure) * sure**2 * (1 - targets) ** 4 * ~middle
    return (hits.sum() + misses.sum()) / middle.sum().clamp(min=1)


def _save(judge: Judge, seen: int, pace: float, out: Path) -> None:
    save({"judge": judge.state_dict(), "seen": seen, "pace": pace}, out / "judge.pt")
