"""The address bar is the form: whatever one does with it, the same settings stand there."""

import pytest

from tests.fakes import a1111
from tests.fakes_predict import address as preset_address
from tests.fakes_predict import hosted
from tests.serving import SLOW, at_last, served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

NOWHERE = "http://127.0.0.1:9"
FIELDS = """() => Object.fromEntries(
  [...document.querySelectorAll("section[data-testid=stSidebar] [class*=st-key-], " +
    ".st-key-prompt, .st-key-negative")]
    .map(box => [[...box.classList].find(name => name.startsWith("st-key-")).slice(7),
                 box.querySelector("textarea, input")?.value])
    .filter(([key, value]) => value !== undefined && !key.startsWith("fold_")))"""
TABS = ("Generate", "Compare", "Sketch", "Film", "Library", "Learn")
DRAWN = """() => document.querySelector(".st-key-backend input") &&
  !document.querySelector("[data-testid=stSidebar] [data-testid=stSkeleton]")"""
"""A control stands in the form once the browser has loaded what draws it."""
ASKED = "&prompt=a+hill&negative=dark&steps=31&cfg=6.5&seed=99&scheduler=euler"


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """The page with an A1111 and a hosted endpoint that answer."""
    with a1111() as webui, hosted("cog") as endpoint:
        process, url = served(
            tmp_path_factory.mktemp("up"),
            SDPLAY_A1111_URL=webui.url,
            SDPLAY_PREDICT_URL=preset_address("cog", endpoint),
            SDPLAY_LOCAL_URL=webui.url,
        )
        yield url
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def lonely(browser, tmp_path_factory):
    """The page while no server answers."""
    process, url = served(
        tmp_path_factory.mktemp("down"),
        SDPLAY_A1111_URL=NOWHERE,
        SDPLAY_PREDICT_URL=NOWHERE,
        SDPLAY_LOCAL_URL=NOWHERE,
    )
    yield url
    process.terminate()
    process.wait()


def quiet(tab):
    tab.get_by_role("tab", name="Learn").wait_for(timeout=SLOW)
    for _ in range(3):
        tab.wait_for_timeout(250)
        tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)


def form(tab):
    """Every setting of the form by its name, once it stands still."""
    quiet(tab)
    tab.wait_for_function(DRAWN, timeout=SLOW)
    if not {"view=Library", "view=Learn"} & set(tab.url.partition("?")[2].split("&")):
        tab.locator(".st-key-prompt textarea").wait_for(timeout=SLOW)
    before, now = None, tab.evaluate(FIELDS)
    while before != now:
        tab.wait_for_timeout(300)
        before, now = now, tab.evaluate(FIELDS)
    return now


def walked(tab, url):
    """The form after everything that a person may do with tabs and the address."""
    tab.goto(url)
    first = form(tab)
    forms = {"opened": first}
    tab.reload()
    forms["reloaded"] = form(tab)
    for name in (*TABS[1:], TABS[0]):
        tab.get_by_role("tab", name=name).click()
        forms[name] = form(tab)
    tab.get_by_role("tab", name="Library").click()
    form(tab)
    tab.reload()
    forms["reloaded in Library"] = form(tab)
    tab.get_by_role("tab", name="Generate").click()
    forms["Generate after that"] = form(tab)
    tab.go_back()
    forms["back"] = form(tab)
    return first, {way: told for way, told in forms.items() if not same(told, first)}


def same(told, first):
    """The prompt stands on two tabs only; what is there is the same."""
    return told == {name: first[name] for name in told if name in first} and (
        set(first) - set(told) <= {"prompt", "negative"}
    )


@pytest.mark.parametrize("backend", ["builtin", "a1111", "predict", "local"])
def test_the_form_is_the_same_after_every_way_back_to_it(tab, site, backend):
    first, others = walked(tab, f"{site}?backend={backend}{ASKED}")
    assert (first["prompt"], first["seed"]) == ("a hill", "99")
    assert others == {}


@pytest.mark.parametrize("backend", ["a1111", "predict", "local"])
def test_a_server_that_is_down_takes_nothing_from_the_form(tab, lonely, backend):
    first, others = walked(tab, f"{lonely}?backend={backend}{ASKED}&clip_skip=2&model=mine")
    assert (first["prompt"], first["steps"], first["scheduler"]) == ("a hill", "31", "Euler")
    assert others == {}
    assert "clip_skip=2" in tab.url
    assert "model=mine" in tab.url


def test_values_that_do_not_fit_are_named_and_the_form_is_there(tab, site):
    tab.goto(f"{site}?steps=abc&cfg=999&scheduler=nope&width=77&seed=1e400&backend=zzz&view=Nope")
    told = tab.locator(".st-key-notes")
    told.get_by_text("There is no backend called zzz.").wait_for(timeout=SLOW)
    for sentence in ("instead of abc", "instead of 999", "instead of nope", "96 instead of 77"):
        told.get_by_text(sentence).wait_for(timeout=SLOW)
    assert at_last(lambda: form(tab)["width"], "96") == "96"
    assert tab.locator("[data-testid=stException]").count() == 0
    tab.locator(".st-key-notes_close button").first.click()
    told.wait_for(state="detached", timeout=SLOW)


def test_the_comparison_stands_again_after_other_tabs_and_a_reload(tab, site):
    tab.goto(f"{site}?view=Compare&x_axis=cfg&x_values=3,+9&y_axis=seed&y_values=1-3")
    tab.get_by_text("6 pictures").first.wait_for(timeout=SLOW)
    tab.get_by_role("tab", name="Generate").click()
    quiet(tab)
    tab.reload()
    quiet(tab)
    tab.get_by_role("tab", name="Compare").click()
    tab.get_by_text("6 pictures").first.wait_for(timeout=SLOW)
    assert at_last(tab.locator(".st-key-x_values input").input_value, "3, 9") == "3, 9"


def test_the_way_back_takes_anothers_settings_out_of_the_form_in_one_step(tab, site):
    tab.goto(f"{site}?prompt=before&steps=2&seed=3")
    quiet(tab)
    tab.locator(".st-key-go button").first.click()
    tab.get_by_text("Receipt: asked, sent, applied").wait_for(timeout=SLOW)
    tab.locator(".st-key-prompt textarea").fill("after")
    tab.locator(".st-key-seed input").fill("44")
    tab.keyboard.press("Tab")
    tab.get_by_role("tab", name="Library").click()
    tab.locator(".tiles button").first.click(timeout=SLOW)
    tab.locator(".st-key-use button").first.click(timeout=SLOW)
    tab.wait_for_function("() => !location.search.includes('picture=')", timeout=SLOW)
    assert at_last(lambda: form(tab)["seed"], "3") == "3"
    tab.go_back()
    tab.wait_for_function("() => location.search.includes('seed=44')", timeout=SLOW)
    assert at_last(lambda: form(tab)["seed"], "44") == "44"
