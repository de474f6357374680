"""The command `sweep`: run a plan into a folder, go on where the last run stopped."""

import argparse
from pathlib import Path
from typing import Any


def register(actions: Any) -> None:
    """Add the command to the others."""
    about = "Run a comparison plan. Run it again to go on where it stopped."
    sweep = actions.add_parser(
        "sweep", help="run a comparison plan into a folder", description=about
    )
    sweep.add_argument(
        "plan",
        type=Path,
        metavar="PLAN",
        help="A .json, .toml or .csv plan, an experiment file, or a grid that A1111 saved.",
    )
    sweep.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="Where everything goes; named by the plan if not given.",
    )
    sweep.add_argument(
        "--backend", metavar="NAME", default="", help="builtin, a1111, predict or local."
    )
    sweep.add_argument(
        "--dry-run", action="store_true", help="Check and price every cell, make none."
    )
    sweep.add_argument(
        "--yes", action="store_true", help="Do not ask, however many pictures it is."
    )
    sweep.add_argument(
        "--fresh",
        action="store_true",
        help="Make every picture again, to see if it comes out the same.",
    )
    sweep.add_argument(
        "--refine",
        action="store_true",
        help="Coarse to fine: a sparse grid first, then only where neighbours differ.",
    )
    sweep.add_argument(
        "--json", action="store_true", help="End with one JSON object instead of a sentence."
    )
    sweep.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    """Only this command pays for loading what a sweep needs."""
    from sdplay.cli.sweep.run_plan import run

    return run(options)
