"""The page's process killed (-9) at random moments of its work, and what it had announced."""

import contextlib
import hashlib
import io
import os
import random
import re
import threading
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed

from sdplay.library import Library
from sdplay.metadata import decoded, sign
from tests.fakes import a1111
from tests.local_process import until
from tests.making import finished
from tests.serving import forked
from tests.visiting import Visitor

OWNER = "0123456789abcdef" * 2
LONG_AGO = 3 * 86_400
SEEDS = 30
CELLS = 3 * SEEDS  # the page varies three schedulers as well
IMPORTED = 30
GONE = (ConnectionClosed, ConnectionError, OSError, TimeoutError)


@dataclass
class Announced:
    """What the page had said is there."""

    prompts: set[str] = field(default_factory=set)
    """Of pictures that were shown with their receipt."""
    counts: dict[str, int] = field(default_factory=dict)
    """So many pictures of a sweep's or an import's prompt."""

    begun: threading.Event = field(default_factory=threading.Event)
    """Something is announced."""

    def picture(self, prompt):
        self.prompts.add(prompt)
        self.begun.set()

    def count(self, prompt, pictures):
        if pictures:
            self.counts[prompt] = max(self.counts.get(prompt, 0), pictures)
            self.begun.set()

    def total(self):
        return len(self.prompts) + sum(self.counts.values())


def generating(visitor, announced, name):
    """Pictures one after the other, each announced once its receipt is on the page."""
    for number in range(10_000):
        prompt = f"{name} picture {number}"
        visitor.set("prompt", string_value=prompt)
        visitor.press("go")
        while f'"prompt": "{prompt}"' not in " ".join(visitor.run().texts):
            time.sleep(0.05)
        announced.picture(prompt)


def sweeping(visitor, announced, name):
    """One comparison, whose progress tells how many of its pictures are there."""
    axis = {"x_axis": "Seed", "x_values": f"1-{SEEDS}", "steps": 2}
    address = urlencode({"view": "Compare", "prompt": name, **axis})
    visitor.run(address)
    visitor.press("run", address)
    while True:
        text = " ".join(visitor.run(address).texts)
        done = re.search(rf"(\d+) of {CELLS} pictures", text)
        announced.count(name, int(done[1]) if done else 0)
        time.sleep(0.05)


def importing(visitor, announced, name):
    """A zip of pictures, again and again; the page says how many came in."""
    address = urlencode({"view": "Library"})
    for number in range(10_000):
        visitor.run(address)
        visitor.upload(zipped(f"{name} zip {number}"), "carry_in", "all.zip")
        visitor.run(address)
        visitor.press("carry_go", address)
        if f"{IMPORTED} new" in " ".join(visitor.texts):
            announced.count(f"{name} zip {number}", IMPORTED)


ACTS = (generating, sweeping, importing)


def zipped(prompt):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for seed in range(IMPORTED):
            picture = finished(prompt=prompt, seed=seed)
            archive.writestr(f"{seed}.png", sign(picture.data, picture))
    return whole.getvalue()


def killed(home, server, act, name, dice):
    """Start the page, begin this act, kill the process at a random moment; what it had announced.

    Every third time that is before anything may have been announced, else soon after.
    """
    announced = Announced()
    early, delay = dice.random() < 0.33, dice.uniform(0.0, 2.0)
    process, url = forked(home, SDPLAY_BACKEND="a1111", SDPLAY_A1111_URL=server)

    def kill():
        announced.begun.wait(0 if early else 60)
        time.sleep(delay)
        process.kill()

    try:
        with contextlib.suppress(*GONE), Visitor(url, owner=OWNER) as visitor:
            threading.Thread(target=kill, daemon=True).start()
            act(visitor, announced, name)
    finally:
        process.kill()
        process.wait()
    return announced


def checked(home, announced):
    """What is missing of what was announced, and what is there but not whole."""
    with closing(Library(home)) as library:
        pictures = listed(library)
        prompts = [kept.params.prompt for kept in pictures]
        missing = sorted(announced.prompts - set(prompts))
        missing += [
            f"{count - prompts.count(prompt)} of {prompt}"
            for prompt, count in announced.counts.items()
            if prompts.count(prompt) < count
        ]
        broken = [kept.id for kept in pictures if not whole(library, kept)]
        broken += [f"{damaged} damaged"] if (damaged := library.reindex().damaged) else []
    return missing, broken


def listed(library):
    pictures, after = [], None
    while True:
        page = library.page("", OWNER, after, 200)
        pictures += page.pictures
        after = page.next
        if after is None:
            return pictures


def whole(library, kept):
    data = library.data(kept)
    decoded(data)
    return hashlib.sha256(data).hexdigest() == kept.file


def swept(home):
    """How many half-written files there were, and which are there after a start a day later."""
    halves = [*home.rglob(".new-*"), *home.rglob(".*.new")]
    for half in halves:
        os.utime(half, (time.time() - LONG_AGO,) * 2)
    process, url = forked(home)
    try:
        with Visitor(url, owner=OWNER):
            until(lambda: not any(half.exists() for half in halves))
    finally:
        process.kill()
        process.wait()
    return len(halves), [half for half in halves if half.exists()]


def run(home, kills, seed):
    """So many kills: what was announced, what of it is missing or broken, how many half-written
    files were left, and which of them for ever."""
    dice, announced = random.Random(seed), Announced()
    with a1111(step_seconds=0.01) as server:
        for number in range(kills):
            act = ACTS[number % len(ACTS)]
            fresh = killed(home, server.url, act, f"round {number}", dice)
            announced.prompts |= fresh.prompts
            announced.counts |= fresh.counts
    missing, broken = checked(home, announced)
    return announced, missing, broken, *swept(home)
