"""A team on one machine: how fast, how fair and how large the page is with many people at once.

    python -m tests.benchmarks.team                      (1, 5, 10 and 25 people, a minute each)
    python -m tests.benchmarks.team 5 25 --seconds 180 --browsers 5
    python -m tests.benchmarks.team 25 --local           (a process with a tiny checkpoint paints)
    python -m tests.benchmarks.team 25 --least           (and what a page of one button costs)

Everybody presses Generate again as soon as the picture is there, in a websocket session of their
own on the real server; `--browsers` of them sit in Chromium.  Everybody pauses now and then, and
the engine alone, with as many threads and no page, works for a while: a machine whose speed changes
changes both.  What the page keeps of the engine's pace is the figure that counts.  On a machine
that does other work besides, only the processor time tells: what the page's server spends for a
picture, where the engine alone spends so much.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil
from playwright.sync_api import Page, sync_playwright

from sdplay import metadata
from sdplay.backends import Backend
from sdplay.backends.builtin import Builtin
from sdplay.backends.local import Local
from sdplay.params import Params
from sdplay.picture import Picture
from tests.local_process import Process, tiny_models
from tests.serving import CHROMIUM, FLAGS, opened, served
from tests.visitor import Visitor

STEPS = 10
PROMPT = "a frog on a blue background"
SIZE = {"width": 128, "height": 128}
LOST_SECONDS = 300.0
ONE_BUTTON = "tests/benchmarks/one_button.py"
PART_SECONDS = 30.0
"""How long people press before they pause."""
EXAMPLE = 0
"""The picture that came with the app has a small seed."""


@dataclass
class Person:
    """What one person got."""

    number: int
    in_chromium: bool
    waits: list[float] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    """For each wait, the part of the time in which it began."""
    lost: int = 0
    foreign: int = 0
    """Pictures of somebody else on this person's page."""

    def seed(self) -> int:
        return self.number * 100_000 + len(self.waits)

    def waited(self, seconds: float, part: int) -> None:
        self.waits.append(seconds)
        self.parts.append(part)

    def saw(self, seeds: Sequence[int]) -> None:
        numbers = [seed // 100_000 for seed in seeds]
        self.foreign += sum(number not in (EXAMPLE, self.number) for number in numbers)


@dataclass(frozen=True)
class Pace:
    """Pictures a second, and the processor's milliseconds for one."""

    rate: float
    milliseconds: float


@dataclass(frozen=True)
class Place:
    """Where the pictures are made; `painter` is the process that does it, if not the page's own."""

    backend: Backend
    settings: dict[str, str] = field(default_factory=dict)
    painter: psutil.Process | None = None

    def form(self) -> dict[str, object]:
        return {"backend": self.backend.name, "steps": STEPS, "prompt": PROMPT, **SIZE}


class Clock:
    """Time, and processor time of some processes, while it runs."""

    def __init__(self, *processes: psutil.Process | None) -> None:
        self._processes = [process for process in processes if process]
        self._seconds = self._spent = 0.0

    def __enter__(self) -> "Clock":
        self._seconds -= time.monotonic()
        self._spent -= self._processor()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds += time.monotonic()
        self._spent += self._processor()

    def pace(self, pictures: int) -> Pace:
        return Pace(pictures / self._seconds, 1000 * self._spent / max(1, pictures))

    def _processor(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes)


class Parts:
    """The time in which everybody presses, in parts: all begin one together and wait for the
    last."""

    def __init__(self, people: int, seconds: float) -> None:
        self.count = max(1, round(seconds / PART_SECONDS))
        self._seconds = seconds / self.count
        self._gate = threading.Barrier(people + 1)

    def pressing(self) -> Iterator[int]:
        """For one person: a turn for each press, with the number of the part."""
        for part in range(self.count):
            self._gate.wait()
            until = time.monotonic() + self._seconds
            while time.monotonic() < until:
                yield part
            self._gate.wait()

    def run(self, clock: Clock, between: Callable[[], None]) -> None:
        """Let everybody press in each part, and call this before, between and after."""
        for _ in range(self.count):
            between()
            self._gate.wait()
            with clock:
                self._gate.wait()
        between()


def session(url: str, person: Person, parts: Parts) -> None:
    """One session without a browser: type the seed, press Generate, look until it is there."""
    with Visitor(url) as visitor:
        for part in parts.pressing():
            seed, began = person.seed(), time.monotonic()
            visitor.generate(seed)
            if visitor.see(seed, LOST_SECONDS):
                person.waited(time.monotonic() - began, part)
            else:
                person.lost += 1
        person.saw(visitor.seeds)


def browser(url: str, person: Person, parts: Parts) -> None:
    """The same in Chromium."""
    with sync_playwright() as playing:
        chromium = playing.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = opened(chromium.new_page(), url)
        for part in parts.pressing():
            seed, began = person.seed(), time.monotonic()
            page.locator(".st-key-seed input").fill(str(seed))
            page.locator(".st-key-seed input").press("Tab")
            page.locator(".st-key-go button").click(timeout=LOST_SECONDS * 1000)
            _look(page, person, seed)
            person.waited(time.monotonic() - began, part)
        chromium.close()


def _look(page: Page, person: Person, seed: int) -> None:
    """Until the large picture is that of this seed, by the words in its file."""
    known, picture = "", page.locator("[data-testid=stImage] img").first
    while True:
        picture.wait_for(timeout=LOST_SECONDS * 1000)
        address = picture.evaluate("image => image.complete ? image.src : ''")
        if address not in ("", known):
            with urlopen(address) as data:  # the picture stands in its address
                known, shown = address, metadata.read(data.read()).settings["seed"]
            person.saw([shown])
            if shown == seed:
                return
        page.wait_for_timeout(50)


def alone(people: int, seconds: float, place: Place, clock: Clock) -> int:
    """The engine with so many threads, no page and no previews: how many pictures it made."""
    backend, until, count = place.backend, time.monotonic() + seconds, []
    backend.previews = False
    cfg = float(backend.probe().defaults.get("cfg", 7.0))

    def paint(number: int) -> None:
        while time.monotonic() < until:
            seed = number * 100_000 + len(count)
            params = Params(PROMPT, steps=STEPS, cfg=cfg, seed=seed, **SIZE)
            count.extend(each for each in backend.generate(params) if isinstance(each, Picture))

    with clock:
        _side_by_side([lambda number=number: paint(number) for number in range(people)])
    return len(count)


def team(people: int, seconds: float, browsers: int, place: Place) -> None:
    """Measure so many people, and print how it went."""
    everybody = [Person(number, number <= browsers) for number in range(1, people + 1)]
    _report(everybody, *paced(everybody, seconds, place))


def least(people: int, seconds: float, place: Place) -> None:
    """Print what the same costs on a page of one button: Streamlit's own part."""
    everybody = [Person(number, False) for number in range(1, people + 1)]
    page, engine, _ = paced(everybody, seconds, place, ONE_BUTTON)
    print(
        f"    on a page of one button: {page.milliseconds:.0f}, alone {engine.milliseconds:.0f}: "
        f"{engine.milliseconds / page.milliseconds:.2f}"
    )


def paced(
    everybody: list[Person], seconds: float, place: Place, script: str = "streamlit_app.py"
) -> tuple[Pace, Pace, float]:
    """Everybody at a page at once: its pace, the engine's own, and the megabytes of its server."""
    people, parts, made = len(everybody), Parts(len(everybody), seconds), []
    engine = Clock(psutil.Process(), place.painter)

    def paint_alone() -> None:
        made.append(alone(people, min(PART_SECONDS, seconds) / 3, place, engine))

    with tempfile.TemporaryDirectory() as home:
        process, url = served(Path(home), script, **place.settings)
        try:
            server = psutil.Process(process.pid)
            _side_by_side([lambda: _first(url, place)])
            link = f"{url}?{urlencode(place.form())}"
            clock = Clock(server, place.painter)
            _side_by_side(
                [lambda: parts.run(clock, paint_alone)]
                + [lambda person=person: _sit(link, person, parts) for person in everybody]
            )
            page = clock.pace(sum(len(person.waits) for person in everybody))
            return page, engine.pace(sum(made)), server.memory_info().rss / 2**20
        finally:
            process.terminate()
            process.wait()


def _first(url: str, place: Place) -> None:
    """One picture, so that the model is in memory when the clock starts."""
    with Visitor(f"{url}?{urlencode(place.form())}") as visitor:
        visitor.generate(7)
        visitor.see(7)


def _sit(url: str, person: Person, parts: Parts) -> None:
    (browser if person.in_chromium else session)(url, person, parts)


def _report(everybody: list[Person], page: Pace, engine: Pace, megabytes: float) -> None:
    waits = sorted(wait for person in everybody for wait in person.waits)
    rate, spent = engine.rate, engine.milliseconds
    fair = len(everybody) / rate
    late = waits[int(0.95 * (len(waits) - 1))] if waits else float("inf")
    print(
        f"{len(everybody)} people, {len(waits)} pictures, {page.rate:.2f} a second where the "
        f"engine alone makes {rate:.2f}"
    )
    rows = (
        ("throughput, part of the engine's own", page.rate / rate, "≥ 0.90"),
        ("processor time, engine alone ÷ page", spent / page.milliseconds, "≥ 0.90"),
        (f"p95 of the waits ({late:.1f} s) ÷ fair share ({fair:.1f} s)", late / fair, "≤ 1.50"),
        ("p95 ÷ fair share of what was made here", late * page.rate / len(everybody), "≤ 1.50"),
        ("pictures between the first served and the last", _apart(everybody), "≤ 1"),
        ("waits lost", sum(person.lost for person in everybody), "0"),
        ("pictures of others on a page", sum(person.foreign for person in everybody), "0"),
        ("memory of the page's server, MB", round(megabytes), "≤ 500"),
    )
    for label, figure, target in rows:
        value = f"{figure:.2f}" if isinstance(figure, float) else str(figure)
        print(f"    {label:<50}{value:>8}   wanted {target}")
    print(
        f"    milliseconds of processor for a picture: {page.milliseconds:.0f}, alone {spent:.0f}"
    )


def _apart(everybody: Sequence[Person]) -> int:
    """How many pictures lie between the first served and the last within a part, in which all press
    from beginning to end; among those who press as fast: a browser takes a while to type and to
    draw."""
    counts = [
        [person.parts.count(part) for person in everybody if person.in_chromium is kind]
        for kind in (False, True)
        for part in {part for person in everybody for part in person.parts}
    ]
    return max(max(some) - min(some) for some in counts if some)


def _side_by_side(work: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _local() -> Place:
    """A local process with a tiny checkpoint."""
    process = Process("--model", tiny_models() / "alpha").ready()
    settings = {"SDPLAY_LOCAL_URL": process.url}
    return Place(Local(process.url), settings, psutil.Process(process.running.pid))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("people", type=int, nargs="*", default=[1, 5, 10, 25])
    asked.add_argument("--seconds", type=float, default=60.0)
    asked.add_argument("--browsers", type=int, default=0)
    asked.add_argument("--local", action="store_true")
    asked.add_argument("--least", action="store_true")
    given = asked.parse_args()
    place = _local() if given.local else Place(Builtin())
    for people in given.people:
        team(people, given.seconds, min(given.browsers, people), place)
        if given.least:
            least(people, given.seconds, place)


if __name__ == "__main__":
    main()
