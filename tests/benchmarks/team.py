"""A team on one machine: how fast, how fair and how large the page is with many people at once.

    python -m tests.benchmarks.team                      (1, 5, 10 and 25 people, a minute each)
    python -m tests.benchmarks.team 5 25 --seconds 180 --browsers 5

Everybody presses Generate again as soon as the picture is there, in a session of their own on the
real server; `--browsers` of them sit in Chromium.  The engine alone, with as many threads and no
page, is measured just before: what the page keeps of it is the figure that counts.
"""

import argparse
import json
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
from playwright.sync_api import sync_playwright

from sdplay.backends.builtin import Builtin
from sdplay.params import Params
from sdplay.picture import Picture
from tests.serving import CHROMIUM, FLAGS, served

STEPS = 10
LOST_SECONDS = 300.0
LOOK_SECONDS = 0.4
"""How often a session asks whether its picture is there, as the page in a browser does."""


@dataclass
class Person:
    """What one person got."""

    number: int
    waits: list[float] = field(default_factory=list)
    lost: int = 0
    foreign: int = 0
    """Pictures of somebody else on this person's page."""

    def seed(self) -> int:
        return self.number * 100_000 + len(self.waits)


def session(url: str, person: Person, until: float) -> None:
    """One session without a browser: set the seed, press Generate, look until it is there."""
    asked = _asking(url)
    id = asked()["session_id"]
    while time.monotonic() < until:
        seed, began = person.seed(), time.monotonic()
        asked(session_id=id, widget_state={"seed": seed, "steps": STEPS})
        asked(session_id=id, trigger={"key": "go"})
        while f"sdplay-{seed}-" not in (page := json.dumps(asked(session_id=id))):
            if time.monotonic() - began > LOST_SECONDS:
                person.lost += 1
                return
            time.sleep(LOOK_SECONDS)
        seeds = {int(seed) for seed in re.findall(r"sdplay-(\d+)-", page)}
        person.foreign += sum(seed // 100_000 != person.number for seed in seeds)
        person.waits.append(time.monotonic() - began)


def browser(url: str, person: Person, until: float) -> None:
    """One session in Chromium."""
    with sync_playwright() as playing:
        chromium = playing.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page()
        while time.monotonic() < until:
            seed, began = person.seed(), time.monotonic()
            page.goto(f"{url}?seed={seed}&steps={STEPS}")
            page.locator(".st-key-go button").click(timeout=LOST_SECONDS * 1000)
            page.get_by_role("img", name="strawberry").wait_for(timeout=LOST_SECONDS * 1000)
            person.waits.append(time.monotonic() - began)
        chromium.close()


def engine_alone(people: int, seconds: float) -> float:
    """Pictures a second of the engine with so many threads, no page and no previews."""
    backend, until, count = Builtin(), time.monotonic() + seconds, []
    backend.previews = False

    def paint(number: int) -> None:
        while time.monotonic() < until:
            params = Params(
                prompt="a strawberry on a blue background",
                width=128,
                height=128,
                steps=STEPS,
                cfg=float(backend.probe().defaults["cfg"]),
                seed=number * 100_000 + len(count),
            )
            count.extend(each for each in backend.generate(params) if isinstance(each, Picture))

    began = time.monotonic()
    _side_by_side([lambda number=number: paint(number) for number in range(people)])
    return len(count) / (time.monotonic() - began)


def team(people: int, seconds: float, browsers: int) -> None:
    """Measure so many people, and print one line."""
    alone = engine_alone(people, min(20.0, seconds))
    with tempfile.TemporaryDirectory() as home:
        process, url = served(Path(home), STREAMLIT_SERVER_ENABLE_AGENT_API="true")
        try:
            everybody = [Person(number) for number in range(1, people + 1)]
            until = time.monotonic() + seconds
            began = time.monotonic()
            _side_by_side(
                [
                    lambda person=person: (browser if person.number <= browsers else session)(
                        url, person, until
                    )
                    for person in everybody
                ]
            )
            _report(everybody, time.monotonic() - began, alone, _megabytes(process.pid))
        finally:
            process.terminate()
            process.wait()


def _report(everybody: list[Person], seconds: float, alone: float, megabytes: float) -> None:
    waits = sorted(wait for person in everybody for wait in person.waits)
    served_counts = [len(person.waits) for person in everybody]
    rate, fair = len(waits) / seconds, len(everybody) / alone
    late = waits[int(0.95 * (len(waits) - 1))] if waits else float("inf")
    print(
        f"{len(everybody):>3} people: {rate:.2f} pictures/s, {rate / alone:.0%} of the engine's "
        f"{alone:.2f}; waits {statistics.median(waits or [0]):.1f} s, p95 {late:.1f} s = "
        f"{late / fair:.1f} × the fair share of {fair:.1f} s; each got {min(served_counts)} to "
        f"{max(served_counts)}; lost {sum(person.lost for person in everybody)}, foreign "
        f"{sum(person.foreign for person in everybody)}; {megabytes:.0f} MB"
    )


def _asking(url: str) -> Callable[..., dict[str, object]]:
    def asked(**body: object) -> dict[str, object]:
        request = Request(
            f"{url}_stcore/agent/interact",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=LOST_SECONDS) as answer:
            told: dict[str, object] = json.load(answer)
            return told

    return asked


def _megabytes(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 2**20


def _side_by_side(work: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("people", type=int, nargs="*", default=[1, 5, 10, 25])
    asked.add_argument("--seconds", type=float, default=60.0)
    asked.add_argument("--browsers", type=int, default=0)
    given = asked.parse_args()
    for people in given.people:
        team(people, given.seconds, min(given.browsers, people))


if __name__ == "__main__":
    main()
