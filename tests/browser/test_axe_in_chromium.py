"""axe-core on every tab, in light and in dark: nothing serious, nothing critical."""

from importlib import resources
from itertools import product
from pathlib import Path

import pytest

from sdplay.library import Library
from sdplay.params import Params
from tests.browser.chaining import followed
from tests.fakes import a1111
from tests.making import finished
from tests.serving import SLOW, opened, served
from tests.sketching import stroke

pytest.importorskip("axe_playwright_python", reason="needs axe-core: pip install '.[dev]'")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
OWNER = "e" * 32
GRAVE = ("serious", "critical")
MOMENT = 1500
"""Milliseconds: what is gone by then, as a button whose colour is just changing, keeps nobody
out."""
SWEEP = "view=Compare&steps=2&x_values=2,3,4&y_axis=seed&y_values=1-3"
RULES = {"label-content-name-mismatch": {"enabled": True}}
"""Beyond axe's own choice."""
EXCEPTIONS = {}
"""Rules that hold nowhere here, and why."""


@pytest.fixture(scope="module")
def stocked(browser, tmp_path_factory):
    """A page whose owner has some pictures, and a server with ControlNet."""
    home = tmp_path_factory.mktemp("axe")
    library = Library(Path(home))
    library.failures.add(OWNER, "builtin", Params(prompt="a hill"), "The model ran out of memory.")
    for seed in range(6):
        library.save(finished(prompt="a fox", seed=seed), OWNER)
    library.close()
    with a1111(extras=("controlnet",)) as forge:
        process, url = served(home, SDPLAY_A1111_URL=forge.url)
        yield url
        process.terminate()
        process.wait(10)


def generate(page, url):
    opened(page, url)


def ideas(page, url):
    opened(page, f"{url}?prompt=a+__things__")
    page.get_by_role("button", name="Ideas").click()
    page.get_by_text("Words by chance").wait_for()


def compare(page, url):
    page.goto(f"{url}?{SWEEP}")
    page.locator(".st-key-run button").click()
    page.get_by_text("Take it away").wait_for()
    page.locator("[data-testid=stVegaLiteChart] svg").first.wait_for()


def word_by_word(page, url):
    page.goto(f"{url}?view=Compare&lab=Word+by+word&prompt=a+red+fox&steps=2")
    page.locator(".st-key-run button").click()
    page.locator(".st-key-word_by_word .tiles").wait_for()
    page.locator("button", has_text="Flipbook").first.click()
    page.locator(".flipbook img[src]").wait_for()


def latency(page, url):
    page.goto(f"{url}?view=Compare&lab=Latency&runs=5&steps=2")
    page.locator(".st-key-run button").click()
    page.locator(".st-key-latency svg").first.wait_for()
    page.locator("button", has_text="Sort").first.click()
    page.locator(".sift .tile").first.wait_for()


def chain(page, url):
    page.goto(f"{url}?view=Compare")
    followed(page)
    page.locator(".st-key-chain_card .tiles button").nth(1).wait_for()


def plan(page, url):
    page.goto(f"{url}?view=Compare&lab=Variants")
    page.locator(".st-key-variant_add").wait_for()


def library(page, url):
    page.goto(f"{url}?view=Library")
    page.locator(".gallery .tiles button").first.wait_for()


def drawer(page, url):
    library(page, url)
    page.locator(".gallery .tiles button").first.click()
    page.get_by_role("button", name="Use these settings").wait_for()


def connect(page, url):
    opened(page, url)
    page.get_by_role("button", name="Connect a server").click()
    page.locator(".st-key-connect_url input").fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Test").click()
    page.get_by_text("does not answer").wait_for()


def learn(page, url):
    page.goto(f"{url}?view=Learn&lesson=cfg")
    page.locator(".st-key-lesson_run").wait_for()


def lesson(page, url):
    """A lesson that has its answer."""
    learn(page, url)
    page.locator(".st-key-predict_cfg label").nth(1).click()
    page.locator(".st-key-lesson_run button:not([disabled])").click()
    page.locator(".st-key-lesson_next").wait_for()
    page.locator(".st-key-lesson_quiz button").click()
    page.locator(".st-key-quiz_done").wait_for()


def sketch(page, url):
    page.goto(f"{url}?view=Sketch&steps=2&live=true")
    page.locator("[data-tool=pen][aria-checked]").wait_for()
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    page.get_by_text("s from stroke to picture").wait_for()


def film(page, url):
    page.goto(f"{url}?view=Film&steps=2&prompt=a+red+apple")
    page.get_by_label("Frames", exact=True).fill("3")
    page.get_by_role("button", name="Make the film").click()
    page.get_by_text("3 of 3 frames", exact=True).wait_for()
    page.mouse.move(0, 0)


def guide(page, url):
    page.goto(f"{url}?view=Sketch&sketch_as=Guide&backend=a1111&steps=2")
    page.locator("[data-tool=pen][aria-checked]").wait_for()
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    page.get_by_text("Show what the model gets").click()
    page.get_by_alt_text("The drawing after none").wait_for()


def inpaint(page, url):
    page.goto(f"{url}?steps=2&prompt=a fox")
    page.locator(".st-key-go button").click()
    page.locator(".st-key-result_more button").click()
    page.locator(".st-key-inpaint_result button").first.click()
    page.locator("canvas[aria-label=Mask]").wait_for()
    stroke(page, (0.2, 0.5), (0.8, 0.5))


REACHES = (
    generate,
    connect,
    ideas,
    compare,
    word_by_word,
    latency,
    chain,
    plan,
    library,
    drawer,
    learn,
    lesson,
    sketch,
    film,
    guide,
    inpaint,
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("reach", REACHES)
def test_nothing_keeps_anybody_out(browser, stocked, reach, scheme):
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(SLOW)
    if reach in (library, drawer):
        context.add_cookies([{"name": "sdplay_owner", "value": OWNER, "url": stocked}])
    page = context.new_page()
    reach(page, stocked)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    if violations(page):
        page.wait_for_timeout(MOMENT)
    assert violations(page) == []
    context.close()


KINDS = (
    "button[kind^=primary]",
    "button[kind=tertiary]",
    "button[data-variant][data-selected=true]",
    "button[data-variant]:not([data-selected=true])",
    "[data-testid=stNumberInput] button",
)
"""One button of each look."""


COLOURED = 400
"""Milliseconds: so long a button takes to change its colour."""
CONTRAST = """async button => {
  const told = await axe.run(button, {runOnly: ['color-contrast']});
  return told.violations.flatMap(rule => rule.nodes.map(node => node.failureSummary));
}"""


def hovered(page, button):
    button.hover()


def focused(page, button):
    page.mouse.move(0, 0)
    button.focus()


def pressed(page, button):
    button.hover()
    page.mouse.down()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_button_can_be_read_under_the_pointer_focused_and_pressed(browser, stocked, scheme):
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(SLOW)
    page = opened(context.new_page(), stocked)
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    for kind, act in product(KINDS, (hovered, focused, pressed)):
        button = page.locator(f"{kind}:enabled:visible").first
        act(page, button)
        page.wait_for_timeout(COLOURED)
        too_pale = button.evaluate(CONTRAST)
        page.mouse.move(0, 0)
        page.mouse.up()
        assert too_pale == [], f"{kind} {act.__name__}"
    context.close()


def violations(page):
    """What is serious or worse: the rule, and the elements that break it."""
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    found = page.evaluate(
        "rules => axe.run(document, {resultTypes: ['violations'], rules})", RULES
    )["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in GRAVE and rule["id"] not in EXCEPTIONS
        for node in rule["nodes"]
    ]
