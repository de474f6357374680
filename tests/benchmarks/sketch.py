"""Sketching: how long from a stroke to its picture, and what a storm of strokes costs.

    python -m tests.benchmarks.sketch             (needs Chromium and the extra `dev`; takes about
    two minutes)

The first part uses the built-in model at 8 steps.  The second draws 300 strokes in a minute with an
A1111-shaped server on a socket that takes 0.2 to 3 seconds for a picture and fails at every fifth.
"""

import statistics
import sys
import tempfile
import time
from contextlib import contextmanager

import psutil
from PIL import ImageOps
from playwright.sync_api import sync_playwright

from tests.fakes import a1111
from tests.serving import CHROMIUM, FLAGS, SLOW, served
from tests.sketching import Unsteady, result, saved, sketch, stroke

STROKES = 25
STORM, SECONDS = 300, 60.0
SENT = """() => { window.sent = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function(data) {
    sent.push(data.byteLength ?? data.length); return send.call(this, data); };
}"""
TAKEN = "performance.getEntriesByName('sdplay-stroke-to-picture').map(each => each.duration)"


@contextmanager
def page_of(browser, **settings):
    process, url = served(tempfile.mkdtemp(), **settings)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(SLOW)
    context.add_init_script(f"({SENT})()")
    try:
        yield context.new_page(), url, psutil.Process(process.pid)
    finally:
        context.close()
        process.terminate()
        process.wait()


def latency(browser, size: int) -> None:
    """Each stroke begins when the picture of the one before is there."""
    with page_of(browser) as (page, url, _):
        sketch(page, url, f"steps=8&live=true&width={size}&height={size}")
        for at in range(STROKES):
            y = 0.1 + 0.8 * at / STROKES
            stroke(page, (0.2, y), (0.5, y + 0.05), (0.8, y))
            page.wait_for_function(f"{TAKEN}.length > {at}", timeout=SLOW)
            page.wait_for_timeout(250)
        taken = sorted(milliseconds / 1000 for milliseconds in page.evaluate(TAKEN)[1:])
        largest = max(page.evaluate("sent")) / 1024
    print(
        f"stroke to picture, {size} × {size}, 8 steps: {statistics.median(taken):.2f} s (median of "
        f"{len(taken)}; {taken[0]:.2f} to {taken[-1]:.2f}); a drawing is {largest:.0f} KB"
    )


def storm(browser, strokes: int = STORM, seconds: float = SECONDS) -> None:
    """Strokes at a steady pace, whatever the server does."""
    with a1111() as fake, page_of(browser, SDPLAY_A1111_URL=fake.url) as (page, url, server):
        unsteady = Unsteady((0.2, 3.0), failing=0.2).put_into(fake)
        sketch(page, url, "backend=a1111&steps=2&width=256&height=256&live=true")
        memory, began = [], time.monotonic()
        for at in range(strokes):
            x, y = (at % 20) / 21 + 0.02, (at // 20) / (strokes / 20 + 1) + 0.03
            stroke(page, (x, y), (x + 0.03, y + 0.03))
            if at % (strokes // 6) == strokes // 12:
                heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
                memory.append((server.memory_info().rss / 2**20, heap))
            pause = began + (at + 1) * seconds / strokes - time.monotonic()
            page.wait_for_timeout(max(0.0, 1000 * pause))
        drawn = time.monotonic() - began
        goal = ImageOps.invert(saved(page)).tobytes()
        until = time.monotonic() + 60
        while (is_last := result(page).tobytes() == goal) is False and time.monotonic() < until:
            page.wait_for_timeout(50)
        print(
            f"{strokes} strokes in {drawn:.0f} s: {len(unsteady.drawings)} requests, at most "
            f"{unsteady.most_at_once} at once; the last drawing is "
            f"{'shown' if is_last else 'NOT shown'} {time.monotonic() - began - drawn:.1f} s later"
        )
        print("server memory, MB: " + ", ".join(f"{rss:.0f}" for rss, _ in memory))
        print("page's heap, MB:   " + ", ".join(f"{heap:.0f}" for _, heap in memory))


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if "storm" not in sys.argv[1:]:
            for size in (128, 256):
                latency(browser, size)
        storm(browser)
        browser.close()


if __name__ == "__main__":
    main()
