"""What a comparison of 500 cells costs the page: script time of a rerun, a click on a cell, and the
browser's frames.

    python -m tests.benchmarks.compare           (needs Chromium and the extra `dev`; takes about a
    minute)

Every cell's picture lies in the library already, so that nothing but the page is measured.  12
cells stand beside it. The processor time of a rerun does not depend on what else the machine does.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from sdplay.backends.builtin import Builtin
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Picture, Receipt, Timing, png_bytes
from tests.serving import CHROMIUM, FLAGS, SLOW, served

OWNER = "0" * 31 + "1"
TIMES = 15
GAPS = """() => { window.gap = 0; let last = performance.now();
  const turn = now => {
    window.gap = Math.max(window.gap, now - last);
    last = now;
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn); }"""


def fill(home: Path, steps: int, seeds: int) -> None:
    """The pictures of a grid of steps and seeds, each of noise of its own, as the built-in model
    would have made it."""
    library, backend = Library(home), Builtin()
    for at in range(steps * seeds):
        params = Params(
            "a fox",
            scheduler="euler",
            steps=1 + at // seeds,
            seed=1 + at % seeds,
            cfg=5.0,
            width=128,
            height=128,
        )
        noise = np.random.default_rng(at).integers(0, 256, (16, 16, 3), np.uint8)
        data = png_bytes(Image.fromarray(noise).resize((128, 128)))
        version = backend.model_version(params)
        picture = Picture(
            data,
            params,
            "builtin",
            Timing(0.5, sampling=0.4),
            Receipt(params.asked(), {}, {}),
            version,
        )
        library.save(picture, OWNER, key=params.key("builtin", version))
    library.close()


def drawn(browser, home: Path, steps: int, seeds: int) -> None:
    """Show the grid, then draw it again and again, and pick cells of it."""
    times = home / "times"
    process, url = served(home, Path(__file__).parent / "timed_page.py", SDPLAY_TIMES=str(times))
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sdplay_owner", "value": OWNER, "url": url}])
    tab = context.new_page()
    tab.goto(
        f"{url}?view=Compare&prompt=a+fox&scheduler=euler&cfg=5&x_axis=Seed&x_values=1-{seeds}"
        f"&y_axis=Steps&y_values=1-{steps}"
    )
    tab.locator(".st-key-run button").click(timeout=SLOW)
    tab.get_by_text("Take it away").wait_for(timeout=SLOW)
    tab.locator(".st-key-plan_new").get_by_role("button", name="New").last.click()
    tab.locator(".st-key-lab").wait_for(timeout=SLOW)
    tab.evaluate(GAPS)
    script, worked, whole, clicks, frames = [], [], [], [], []
    for at in range(TIMES):
        known = len(times.read_text().splitlines())
        began = time.perf_counter()
        tab.locator(".st-key-lab button").nth(1 - at % 2).click()
        tab.locator((".st-key-varying", ".st-key-x_axis")[at % 2]).wait_for(timeout=SLOW)
        while len(told := times.read_text().splitlines()) == known:
            time.sleep(0.005)
        whole.append(time.perf_counter() - began)
        script.append(float(told[-1].split()[0]))
        worked.append(float(told[-1].split()[1]))
        tab.wait_for_timeout(300)
        frames.append(
            tab.evaluate("() => { const gap = window.gap; window.gap = 0; return gap; }") / 1000
        )
        label = f"seed {2 + at % 3} · {('1 step', '2 steps')[at % 2]}"
        began = time.perf_counter()
        tab.locator(f'table[role=grid] button[aria-label^="{label},"]').click()
        tab.get_by_text(f"B: {label}", exact=True).wait_for(timeout=SLOW)
        clicks.append(time.perf_counter() - began)
    process.terminate()
    process.wait(10)
    context.close()
    print(
        f"{steps * seeds:4d} cells: "
        + "; ".join(
            f"{name} {statistics.median(values) * 1000:.0f} ms (to {max(values) * 1000:.0f})"
            for name, values in (
                ("script", script),
                ("its processor time", worked),
                ("rerun", whole),
                ("click to B", clicks),
                ("longest frame", frames),
            )
        )
    )


def main() -> None:
    """12 cells, then 500."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for steps, seeds in ((3, 4), (20, 25)):
            home = Path(tempfile.mkdtemp())
            os.environ["SDPLAY_HOME"] = str(home)
            fill(home, steps, seeds)
            drawn(browser, home, steps, seeds)


if __name__ == "__main__":
    main()
