"""How fast 100,000 pictures are listed and searched: python -m tests.benchmarks.library [--count N]
[--database URL]

The questions to the index, and the page opened at its Library tab, each time by another visit
without a browser; on SQLite and, where it is installed, on a PostgreSQL of its own.
"""

import argparse
import os
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from sdplay.library import Library, query
from sdplay.library.sql.tables import record_of
from sdplay.metadata import record
from sdplay.params import Params
from sdplay.picture import Picture, Receipt, Timing, jpeg_bytes
from sdplay.schedulers import SCHEDULERS
from tests.postgres import postgres

THINGS = (
    "fox",
    "cat",
    "octopus",
    "castle",
    "apple",
    "rocket",
    "lighthouse",
    "robot",
    "tree",
    "teapot",
)
STYLES = ("oil painting", "3d style", "photo", "watercolour", "flat style", "pixel art")
LIMITS = {"open the tab": 300, "next page": 300, "the page, opened at the tab": 300}
"""Milliseconds; a search has 50."""
SMALL = 400
"""The newest pictures, which have thumbnails."""


def told(number, dice):
    params = Params(
        prompt=f"a {dice.choice(('red', 'blue', 'old', 'tiny'))} {dice.choice(THINGS)}, "
        f"{dice.choice(STYLES)}" + (" zebra" if number % 5000 == 0 else ""),
        negative=dice.choice(("", "blurry, low quality")),
        scheduler=dice.choice(list(SCHEDULERS)),
        seed=number // 40,
        steps=dice.choice((8, 12, 20, 30, 50)),
        cfg=dice.choice((1, 3, 5, 7, 9, 12)),
        width=512,
        height=512,
    )
    picture = Picture(
        b"",
        params,
        "builtin",
        Timing(1.0 + number % 7, sampling=0.8),
        Receipt(params.asked(), params.asked(), params.asked()),
        "sdplay-1",
    )
    owner = f"{number % 20:032x}" if number % 2 else f"{1:032x}"
    return record_of(
        picture,
        record(picture),
        owner=owner,
        file=f"{number:064x}",
        shared=number % 50 == 0,
        made=1_700_000_000_000_000 + number * 60_000_000,
        width=512,
        height=512,
    )


def fill(library, count):
    dice = random.Random(0)
    for first in range(0, count, 1000):
        library.index.replace(
            [told(number, dice) for number in range(first, min(first + 1000, count))]
        )
    library.index.tidy()
    for number in range(count - SMALL, count):
        library.files.write(
            "thumbnails", f"{number:064x}", jpeg_bytes(Image.effect_noise((256, 256), number % 90))
        )


def measured(label, work, times=15):
    """How long a few runs take."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        found = work()
        spent.append(time.perf_counter() - started)
    return judged(label, spent, found)


def judged(label, spent, found):
    """Print the median in milliseconds and what was found; whether it is quick enough."""
    limit = LIMITS.get(label, 50)
    middle, worst = statistics.median(spent) * 1000, max(spent) * 1000
    print(f"  {label:<34} {middle:8.1f} ms   worst {worst:8.1f} ms   limit {limit} ms   {found}")
    return middle <= limit


def open_tab(library, owner):
    page = library.page("", owner)
    return len(library.groups(page.pictures, owner)), library.total("", owner).count


def visited(owner, times=15):
    """What the page's script takes for visitors who come straight to this tab, each with a session
    of their own."""
    with tempfile.NamedTemporaryFile("r") as file:
        os.environ["SDPLAY_TIMES"] = file.name
        for view in ("Generate", *["Library"] * times):
            page = AppTest.from_file(
                str(Path(__file__).parent / "timed_page.py"), default_timeout=60
            )
            page.query_params["view"] = view
            page.session_state["owner"] = owner
            assert not page.run().exception
        spent = [float(line.split()[0]) for line in file.readlines()[1:]]
    told = next(each.value for each in page.caption if " pictures · " in each.value)
    return judged("the page, opened at the tab", spent, told)


def scrolled(library, owner, pages):
    after = None
    for _ in range(pages):
        after = library.page("", owner, after).next
    return after


def opened(folder, address=""):
    """The library, which is the page's too."""
    os.environ |= {"SDPLAY_HOME": folder, "SDPLAY_DATABASE_URL": address}
    st.cache_resource.clear()
    return Library(Path(folder), address)


def run(name, library, count):
    owner = f"{1:032x}"
    started = time.perf_counter()
    fill(library, count)
    print(f"{name}: {count} pictures indexed in {time.perf_counter() - started:.0f} s")
    middle = library.page("", owner).pictures[20]
    oldest = scrolled(library, owner, 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fine = [
        measured("open the tab", lambda: open_tab(library, owner)),
        measured("next page", lambda: len(library.page("", owner, oldest).pictures)),
        measured(
            "a page of what is shared",
            lambda: len(library.page(query("", scope="all"), owner).pictures),
        ),
        *(
            measured(text, lambda text=text: len(library.page(text, owner).pictures))
            for text in (
                "fox",
                "fo",
                "zebra",
                "red fox oil",
                "a",
                "nothing",
                "-fox cat",
                "steps=20",
                "cfg=5..7 steps>=30",
                "scheduler=heun cfg=12 steps=8 fox",
                "seed=77",
                "seed=99999999",
                "stars>=3",
                "strength=0.5",
            )
        ),
        measured("exactly one thing differs", lambda: len(library.near(middle, owner))),
        measured("one recipe by its key", lambda: library.by_key(middle.key, owner) is not None),
        measured("past seconds of a backend", lambda: len(library.timings("builtin", 200))),
        measured("values of a setting", lambda: len(library.values("scheduler", owner))),
        measured(
            "all that differ in one thing",
            lambda: len(library.page(f"near={middle.id}", owner).pictures),
        ),
        measured("total of a search", lambda: library.total("fox", owner).count),
    ]
    scrolled(library, owner, 300)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"  memory grew by {grown:.0f} MB over {len(fine) * 15} questions and 300 pages")
    return all([*fine, visited(owner)])


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=100_000)
    asked.add_argument("--database", help="Measure this database instead; it must be empty.")
    given = asked.parse_args()
    fine = []
    with tempfile.TemporaryDirectory() as folder:
        if given.database:
            fine.append(run("Your database", opened(folder, given.database), given.count))
        else:
            fine.append(run("SQLite", opened(folder), given.count))
            with postgres() as address:
                if address:
                    fine.append(run("PostgreSQL", opened(folder, address), given.count))
    return 0 if all(fine) else 1


if __name__ == "__main__":
    raise SystemExit(main())
