"""What the page costs: first paint, time until a finished picture is seen, overhead, thumbnails,
memory.

    python -m tests.benchmarks.page              (needs Chromium and the extra `dev`; takes about
    four minutes)
    python -m tests.benchmarks.page seen         (one part of it)

The backend of the middle part is a real A1111-shaped server on a socket that takes five seconds for
a picture.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright
from streamlit.testing.v1 import AppTest

from sdplay.backends.a1111 import A1111
from sdplay.backends.builtin import Builtin
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Picture, Receipt, Timing, png_bytes
from tests.fakes import a1111
from tests.serving import CHROMIUM, FLAGS, SLOW, opened, served

SECONDS, PICTURES, MANY = 5.0, 7, 500
READING = 5.0
"""Seconds in which a visitor reads before the first click."""


def median(times: list[float]) -> str:
    return (
        f"{statistics.median(times):.2f} s (median of {len(times)}; {min(times):.2f} to "
        f"{max(times):.2f})"
    )


def first_paint(browser) -> None:
    """From `streamlit run`, browser open already; beside it Streamlit with one button."""
    bare = Path(tempfile.mkdtemp()) / "bare.py"
    bare.write_text('import streamlit as st\n\nst.button("Generate", key="go")\n')
    both = [
        (painted(browser, bare, "go")[0], *painted(browser, "streamlit_app.py", "backend", "go"))
        for _ in range(7)
    ]
    least, form, ours = zip(*both, strict=True)
    print(f"first paint: the form begins      {median(form)}")
    print(f"Generate can be pressed           {median(ours)}")
    print(f"Streamlit's own, with one button  {median(least)}")
    print(
        "ours takes                        "
        f"{statistics.median(ours) / statistics.median(least):.2f} times that"
    )


def painted(browser, script, *keys) -> list[float]:
    """Seconds until each of these controls is there; says so if the server has torch in memory."""
    page = browser.new_context().new_page()
    began = time.perf_counter()
    process, url = served(tempfile.mkdtemp(), script)
    page.goto(url, wait_until="commit")
    seconds = []
    for key in keys:
        page.locator(f".st-key-{key} :is(button, input)").first.wait_for(timeout=SLOW)
        seconds.append(time.perf_counter() - began)
    if any("torch" in each.path for each in psutil.Process(process.pid).memory_maps()):
        print("the page's process loads torch: it must not")
    process.terminate()
    process.wait()
    page.context.close()
    return seconds


WATCH = """() => {
  window.clicked = window.seen = 0;
  document.addEventListener("click", event => {
    if (event.target.closest(".st-key-go")) clicked = Date.now();
  }, true);
  document.addEventListener("load", event => {
    if (event.target.closest("[data-testid=stImage]"))
      requestAnimationFrame(() => setTimeout(() => seen = Date.now()));
  }, true);
}"""
"""The browser's own clock, on the same machine: the click, and the frame after a picture was
loaded."""


def seen(browser) -> None:
    """From the backend's answer to the picture on screen, and click to picture against the backend
    alone."""
    with a1111(step_seconds=SECONDS / 10) as fake:
        answered: list[float] = []
        make = fake.make

        def timed(http, asked):
            make(http, asked)
            answered.append(time.time())

        fake.site.routes["POST /sdapi/v1/txt2img"] = timed
        os.environ["SDPLAY_A1111_URL"] = fake.url
        direct, clicked, late = [], [], []
        process, url = served(tempfile.mkdtemp(), SDPLAY_A1111_URL=fake.url)
        page = opened(browser.new_context().new_page(), f"{url}?backend=a1111&steps=10")
        page.evaluate(WATCH)
        backend = A1111()
        for seed in range(PICTURES):
            began = time.perf_counter()
            list(backend.generate(Params("direct", steps=10, seed=seed, width=64, height=64)))
            direct.append(time.perf_counter() - began)
            page.locator(".st-key-seed input").fill(str(100 + seed))
            page.locator(".st-key-seed input").press("Tab")
            page.evaluate("seen = 0")
            page.locator(".st-key-go button").click()
            page.wait_for_function("seen > 0", timeout=SLOW)
            click, sight = page.evaluate("[clicked / 1000, seen / 1000]")
            clicked.append(sight - click)
            late.append(sight - answered[-1])
        process.terminate()
    overhead = statistics.median(clicked) / statistics.median(direct) - 1
    print(f"picture on screen after an answer {median(late)}")
    print(f"the backend alone                 {median(direct)}")
    print(f"click to picture                  {median(clicked)}")
    print(f"overhead of the page              {overhead:+.1%}")


def first_picture(browser) -> None:
    """Click to picture with the built-in model: the first after a start, and those after it."""
    firsts, later = [], []
    for _ in range(3):
        process, url = served(tempfile.mkdtemp())
        page = opened(browser.new_context().new_page(), f"{url}?prompt=a+red+apple&steps=20")
        page.evaluate(WATCH)
        time.sleep(READING)
        for seed in range(5):
            page.locator(".st-key-seed input").fill(str(100 + seed))
            page.locator(".st-key-seed input").press("Tab")
            page.evaluate("seen = 0")
            page.locator(".st-key-go button").click()
            page.wait_for_function("seen > 0", timeout=SLOW)
            (later if seed else firsts).append(page.evaluate("(seen - clicked) / 1000"))
        process.terminate()
        process.wait()
    print(f"the first picture after a start   {median(firsts)}")
    print(f"a later one                       {median(later)}")
    ratio = statistics.median(firsts) / statistics.median(later)
    print(f"the first takes                   {ratio:.2f} times that")


def thumbnails() -> None:
    """The script time of drawing 64 thumbnails again."""
    from PIL import Image

    os.environ["SDPLAY_HOME"] = tempfile.mkdtemp()
    library = Library(Path(os.environ["SDPLAY_HOME"]))
    for seed in range(64):
        params = Params("a picture", seed=seed, width=128, height=128)
        data = png_bytes(Image.effect_noise((128, 128), 40 + seed).convert("RGB"))
        library.save(Picture(data, params, "builtin", Timing(1.0), Receipt(params.asked(), {}, {})))
    library.close()

    def script() -> None:
        import os
        import time
        from pathlib import Path

        import streamlit as st

        from sdplay.library import Library
        from sdplay.ui.components.tiles import Tile, tiles

        library = st.cache_resource(Library)(Path(os.environ["SDPLAY_HOME"]))
        began = time.perf_counter()
        tiles(
            [
                Tile(kept.id, library.thumbnail(kept), kept.params.prompt)
                for kept in library.recent("", 64)
            ],
            "t",
        )
        st.session_state["spent"] = time.perf_counter() - began

    test = AppTest.from_function(script).run()
    times = [test.run().session_state["spent"] for _ in range(21)]
    print(
        f"64 thumbnails drawn again         {statistics.median(times) * 1000:.1f} ms of script "
        "time (median of 21)"
    )


def memory() -> None:
    """Resident memory while many pictures are made through the jobs of the page."""
    jobs, backend = Jobs(Library(Path(tempfile.mkdtemp()))), Builtin()
    process, told = psutil.Process(), []
    for seed in range(MANY + 1):
        job = jobs.submit(Params("a red apple", steps=2, seed=seed, width=128, height=128), backend)
        while job.active:
            time.sleep(0.005)
        if seed in (50, 100, 200, 300, 400, MANY):
            told.append(f"{seed}: {process.memory_info().rss / 2**20:.0f} MiB")
    print(f"memory after so many pictures     {', '.join(told)}")


IN_A_BROWSER = {each.__name__: each for each in (first_paint, seen, first_picture)}
WITHOUT = {each.__name__: each for each in (thumbnails, memory)}


def main() -> None:
    """The parts that are named, or all of them."""
    named = sys.argv[1:] or [*IN_A_BROWSER, *WITHOUT]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in named:
            if name in IN_A_BROWSER:
                IN_A_BROWSER[name](browser)
    for name in named:
        if name in WITHOUT:
            WITHOUT[name]()


if __name__ == "__main__":
    main()
