"""How long a step of the flipbook takes in Chromium with 500 cells: from the key to the frame that
shows the decoded picture.

`python -m tests.benchmarks.flipbook` prints median, p95 and the slowest, beside the same number of
empty frames, which are what the screen itself takes.
"""

import statistics
import tempfile

from tests.serving import CHROMIUM, FLAGS, ROOT, SLOW, served

WIDE, HIGH = 25, 20
STEPS = """async ({count}) => {
  const root = [...document.querySelectorAll('*')].map(each => each.shadowRoot)
    .find(shadow => shadow?.querySelector('.flipbook'));
  const stage = root.querySelector('.stage'), image = root.querySelector('img');
  const frame = () => new Promise(requestAnimationFrame);
  const times = [], empty = [];
  const keys = ['ArrowRight', 'ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowDown'];
  for (let at = 0; at < count; at++) {
    await frame();
    let began = performance.now();
    const key = keys[at % keys.length];
    stage.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    await image.decode();
    await frame();
    times.push(performance.now() - began);
    await frame();
    began = performance.now();
    await frame();
    empty.push(performance.now() - began);
  }
  return {times, empty};
}"""


def measured(count=120):
    """Milliseconds of so many steps, and of as many empty frames between them."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        process, url = served(home, ROOT / "tests/browser/components_page.py")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{url}?show=flip&wide={WIDE}&high={HIGH}", timeout=SLOW)
            page.locator(".flipbook img[src]").wait_for(timeout=SLOW)
            page.wait_for_function(f"window.sdplayThumbnails?.size === {WIDE * HIGH}", timeout=SLOW)
            return page.evaluate(STEPS, {"count": count})
        finally:
            browser.close()
            process.terminate()
            process.wait(10)


def line(name, times):
    ordered = sorted(times)
    p95 = ordered[int(0.95 * len(ordered))]
    return (
        f"{name}: median {statistics.median(times):.1f} ms, p95 {p95:.1f}, most {ordered[-1]:.1f}"
    )


if __name__ == "__main__":
    result = measured()
    print(line(f"a step among {WIDE * HIGH} cells", result["times"]))
    print(line("an empty frame", result["empty"]))
