"""The page's process killed (-9) at random moments of generating, sweeping and importing.

    python -m tests.benchmarks.kills 100 [--seed 1]

Prints what the page had announced, what of it was missing or broken afterwards, and the
half-written files that were left.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests import killing


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("kills", type=int, nargs="?", default=100)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        announced, missing, broken, halves, left = killing.run(
            Path(home), options.kills, options.seed
        )
    print(
        f"{options.kills} kills in {time.monotonic() - began:.0f} s: {announced.total()} pictures "
        f"announced ({len(announced.prompts)} alone), {len(missing)} missing, {len(broken)} "
        f"broken; {halves} half-written files, {len(left)} of them for ever"
    )
    print(*missing, *broken, *left, sep="\n")


if __name__ == "__main__":
    main()
