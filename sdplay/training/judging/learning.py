"""How the judge learns: pictures composed from the withheld drawings, some of them as the
autoencoder gives them back, some melted."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from sdplay.training.judging.judge import CELLS, Judge, StyleJudge, looked_at, melted
from sdplay.training.log import Log, load, save
from sdplay.training.networks.pace import autocast
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.compose import Drawn
from sdplay.training.pictures.icons import WITHHELD, Icons, things
from sdplay.training.pictures.scenes import Scene
from sdplay.training.pictures.styles import MADE
from sdplay.training.pictures.world import STYLES, World

BATCH = 48
FRESH = 8
"""New pictures a step; the rest come from those drawn before."""
MOST = 16_000
PACE = 2e-3
MELT = (0.06, 0.11)
"""How far outlines are bent in melted pictures, in half sides of the picture."""
UNMELTED = 0.012


def withheld(folder: Path) -> World:
    """The world of the drawings that no generator is trained on."""
    return World(Icons.read(folder, WITHHELD), styles=(*WITHHELD, *MADE))


@dataclass
class Targets:
    """What is right about a batch: maps of twelve by twelve places, -1 where nothing is asked."""

    present: torch.Tensor
    things: torch.Tensor
    colours: torch.Tensor

    @classmethod
    def of(cls, scene: Scene, drawn: Drawn) -> "Targets":
        """Of one picture: round the middle of each box."""
        present = np.zeros((CELLS, CELLS), np.float32)
        named, coloured = (np.full((CELLS, CELLS), -1, np.int64) for _ in "12")
        down, across = np.mgrid[:CELLS, :CELLS]
        for figure, boxes in zip(scene.figures, drawn.boxes, strict=True):
            for box in boxes:
                x, y = (min(CELLS - 1, max(0, int(middle * CELLS))) for middle in box.middle)
                spread = max(0.5, box.side * CELLS / 7)
                away = (across - x) ** 2 + (down - y) ** 2
                present = np.maximum(present, np.exp(-away / (2 * spread**2)).astype(np.float32))
                near = away <= max(1.0, (0.2 * box.side * CELLS) ** 2)
                named[near] = _numbers()[figure.thing.word]
                coloured[near] = list(COLOURS).index(figure.colour) if figure.colour else -1
        return cls(*map(torch.from_numpy, (present, named, coloured)))


@dataclass
class Album:
    """Pictures drawn so far, with their targets; the oldest are drawn over."""

    world: World
    vae: AutoencoderKL
    dice: random.Random
    pixels: list[torch.Tensor] = field(default_factory=list)
    targets: list[Targets] = field(default_factory=list)
    drawn: int = 0

    def draw(self, count: int) -> None:
        """So many new ones, a quarter of them as the autoencoder gives them back."""
        scenes = [self.world.any_scene(self.dice) for _ in range(count)]
        drawn = [self.world.draw(scene, self.dice) for scene in scenes]
        pixels = looked_at([picture.picture for picture in drawn])
        pixels[::4] = _decoded(self.vae, pixels[::4]).clamp(-1, 1)
        for scene, picture, values in zip(scenes, drawn, pixels, strict=True):
            entry = self.drawn % MOST
            self.pixels[entry : entry + 1] = [(values * 127).to(torch.int8)]
            self.targets[entry : entry + 1] = [Targets.of(scene, picture)]
            self.drawn += 1

    def batch(self) -> tuple[torch.Tensor, Targets]:
        """Some of them, at random."""
        chosen = [self.dice.randrange(len(self.pixels)) for _ in range(BATCH)]
        pixels = torch.stack([self.pixels[at] for at in chosen]).float() / 127
        fields = (
            torch.stack([getattr(self.targets[at], name) for at in chosen])
            for name in ("present", "things", "colours")
        )
        return pixels, Targets(*fields)


def train(
    world: World, own: World, vae: AutoencoderKL, out: Path, minutes: float, log: Log
) -> None:
    """Both judges, for that long from the last checkpoint on; the pace falls with the minutes."""
    state = load(out / "judge.pt") or {"steps": 0}
    torch.manual_seed(state["steps"])
    judge, stylist = Judge(len(things())), StyleJudge()
    if "judge" in state:
        judge.load_state_dict(state["judge"])
        stylist.load_state_dict(state["stylist"])
    weights = [*judge.parameters(), *stylist.parameters()]
    stepper = torch.optim.AdamW(weights, lr=PACE, weight_decay=0.02)
    dice, began, saved = random.Random(state["steps"]), time.monotonic(), time.monotonic()
    album, steps, right = Album(world, vae, dice), state["steps"], 0.0
    album.draw(8 * BATCH)
    styles = Styles(own, dice)
    while (spent := (time.monotonic() - began) / (60 * minutes)) < 1:
        album.draw(FRESH)
        pixels, targets = album.batch()
        loss, share = loss_of(judge, *spoiled(pixels, targets, dice))
        loss = loss + styles.loss(stylist)
        stepper.param_groups[0]["lr"] = PACE * max(0.02, 1 - spent)
        stepper.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        stepper.step()
        steps, right = steps + 1, 0.98 * right + 0.02 * share
        if steps % 50 == 0:
            log(
                f"judge {steps} steps, {album.drawn} drawn, loss {loss.item():.3f}, {right:.1%} "
                f"named, styles {styles.right:.1%}, {spent * minutes:.1f} of {minutes:g} min"
            )
        if time.monotonic() - saved > 240 or spent >= 0.995:
            _save(judge, stylist, steps, out)
            saved = time.monotonic()
    _save(judge, stylist, steps, out)


def read(out: Path) -> tuple[Judge, StyleJudge]:
    """Both judges of a run."""
    state = load(out / "judge.pt")
    if state is None:
        raise SystemExit(f"{out / 'judge.pt'} is missing: run the stage judge first.")
    judge, stylist = Judge(len(things())), StyleJudge()
    judge.load_state_dict(state["judge"])
    stylist.load_state_dict(state["stylist"])
    return judge.eval(), stylist.eval()


@torch.no_grad()
def spoiled(
    pixels: torch.Tensor, targets: Targets, dice: random.Random
) -> tuple[torch.Tensor, Targets, torch.Tensor]:
    """A third of the batch melted.  Last: which are whole."""
    third = len(pixels) // 3
    bent = melted(pixels[:third], dice.uniform(*MELT), dice)
    sound = melted(pixels[third:], UNMELTED, dice)
    whole = (torch.arange(len(pixels)) >= third).float()
    return torch.cat([bent, sound]).clamp(-1, 1), targets, whole


def loss_of(
    judge: Judge, pixels: torch.Tensor, targets: Targets, whole: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Where things are, what they are, their colours, and whether they are whole; what melted
    things are is not asked.  Second: the share of whole things named rightly."""
    with autocast():
        outputs = judge(pixels)
    present, named, coloured, sound = (output.float() for output in outputs)
    covered = targets.things >= 0
    unmelted = whole[:, None, None].expand_as(covered) > 0
    names = torch.where(unmelted, targets.things, -1)
    hue = torch.where(unmelted, targets.colours, -1)
    naming = F.cross_entropy(named, names, ignore_index=-1, label_smoothing=0.05)
    colour = F.cross_entropy(coloured, hue, ignore_index=-1) if (hue >= 0).any() else 0
    sure = sound[:, 0][covered]
    shape = F.binary_cross_entropy_with_logits(
        sure, whole[:, None, None].expand_as(covered)[covered]
    )
    right = (named.argmax(1) == names)[names >= 0].float().mean()
    return _found(present[:, 0], targets.present) + naming + 0.5 * colour + 0.7 * shape, float(
        right
    )


class Styles:
    """Pictures of the generator's own world for the judge of styles."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice, self.right = world, dice, 0.0
        self.pixels: list[torch.Tensor] = []
        self.names: list[int] = []

    def loss(self, stylist: StyleJudge) -> torch.Tensor:
        """Of one batch, with a few new pictures in it."""
        for _ in range(FRESH // 2 if self.pixels else 2 * BATCH):
            scene = self.world.any_scene(self.dice)
            self.pixels.append(looked_at([self.world.draw(scene, self.dice).picture])[0])
            self.names.append(STYLES.index(scene.style))
        chosen = [self.dice.randrange(len(self.pixels)) for _ in range(BATCH // 2)]
        pixels = melted(torch.stack([self.pixels[at] for at in chosen]), 0.01, self.dice)
        names = torch.tensor([self.names[at] for at in chosen])
        with autocast():
            logits = stylist(pixels)
        self.right = 0.98 * self.right + 0.02 * float((logits.argmax(1) == names).float().mean())
        return F.cross_entropy(logits.float(), names)


def _found(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The focal loss for maps of middles (Zhou et al. 2019)."""
    sure = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    middle = targets > 0.97
    hits = -torch.log(sure) * (1 - sure) ** 2 * middle
    misses = -torch.log(1 - sure) * sure**2 * (1 - targets) ** 4 * ~middle
    return (hits.sum() + misses.sum()) / middle.sum().clamp(min=1)


@torch.no_grad()
def _decoded(vae: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    """What the autoencoder makes of pictures; it wants a side of a multiple of eight."""
    with autocast():
        latent = vae.encode(pixels).latent_dist.mean
        noisy = latent + 0.15 * torch.randn_like(latent)
        drawn: torch.Tensor = vae.decode(noisy).sample
    return drawn.float()


def _numbers() -> dict[str, int]:
    return {thing.word: at for at, thing in enumerate(things())}


def _save(judge: Judge, stylist: StyleJudge, steps: int, out: Path) -> None:
    state = {"judge": judge.state_dict(), "stylist": stylist.state_dict(), "steps": steps}
    save(state, out / "judge.pt")
