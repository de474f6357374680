"""The library in a real browser."""

import base64
import re
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest

from sdplay import metadata
from sdplay.library import Library, Query
from sdplay.params import Params
from tests.fakes import png
from tests.making import finished
from tests.serving import SLOW, at_last, generated, opened, served

OWNER = "a" * 32
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def made(tab, address, *seeds):
    for seed in seeds:
        generated(opened(tab, f"{address}?steps=2&seed={seed}"))
    tab.get_by_role("tab", name="Library").click()
    tab.locator(".gallery section").wait_for(timeout=SLOW)
    return tab


@pytest.fixture(scope="module")
def stocked(browser, tmp_path_factory):
    """A page whose owner has 130 pictures of two prompts, and its address."""
    home = tmp_path_factory.mktemp("stocked")
    library = Library(Path(home))
    for seed in range(130):
        library.save(finished(prompt="a fox" if seed < 60 else "a robot", seed=seed), OWNER)
    library.close()
    process, url = served(home)
    yield url
    process.terminate()
    process.wait()


ROW = """tiles => {
  const boxes = [...tiles.querySelectorAll("img")].map(image => image.getBoundingClientRect());
  return boxes.filter(box => box.top === boxes[0].top).map(box => box.width);
}"""
"""The widths of the pictures of a group's first row."""


def looked(tab, url, query=""):
    tab.context.add_cookies([{"name": "sdplay_owner", "value": OWNER, "url": url}])
    tab.goto(f"{url}?view=Library{query}")
    tab.locator(".gallery section").first.wait_for(timeout=SLOW)
    return tab.locator(".gallery .tiles button")


def scrolled(tab, tiles, count=130):
    """Down until so many are there; the end may vanish between two looks, for more comes before it
    is in sight."""

    def down():
        tab.locator(".end").evaluate_all("ends => ends.forEach(end => end.scrollIntoView())")
        return tiles.count()

    assert at_last(down, count) == count


def test_scrolling_brings_every_picture_once_in_two_groups(tab, stocked):
    tiles = looked(tab, stocked)
    tiles.nth(31).wait_for()
    scrolled(tab, tiles)
    assert at_last(tab.locator(".gallery section").count, 2) == 2
    tab.locator(".gallery section p").first.filter(has_text="70 pictures").wait_for()


@pytest.mark.parametrize(("width", "across"), [(1440, 4), (390, 2)])
def test_tiles_are_large_and_fill_the_row(tab, stocked, width, across):
    tab.set_viewport_size({"width": width, "height": 900})
    looked(tab, stocked)
    tiles = tab.locator(".gallery .tiles").first
    assert at_last(lambda: len(tiles.evaluate(ROW)), across) == across
    assert min(tiles.evaluate(ROW)) >= (220 if width > 480 else 150)


def test_search_and_tools_stand_in_one_row(tab, stocked):
    tiles = looked(tab, stocked)
    row = tab.locator(".st-key-finding")
    assert at_last(lambda: row.bounding_box()["height"] < 50, True)
    assert at_last(lambda: tiles.first.bounding_box()["y"] < 240, True)


def test_a_star_shows_far_down_without_losing_the_place(tab, stocked):
    tiles = looked(tab, stocked)
    scrolled(tab, tiles)
    tiles.nth(120).click()
    tab.locator("[data-testid=stFeedback] button").nth(3).click(timeout=SLOW)
    tab.get_by_role("dialog").get_by_role("button", name="Close").click()
    closed(tab)
    tab.get_by_text("★★★★").wait_for(timeout=SLOW)
    assert at_last(tiles.count, 130) == 130


def closed(tab):
    tab.wait_for_function("() => !location.search.includes('picture=')", timeout=SLOW)


def test_a_star_is_kept_though_the_drawer_closes_in_that_moment(tab, stocked):
    tiles = looked(tab, stocked)
    tiles.nth(5).click()
    tab.get_by_role("dialog").get_by_text(re.compile(r"20\d\d, \d\d:\d\d")).wait_for(
        timeout=SLOW
    )  # the drawer's last line
    tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)
    tab.wait_for_timeout(300)  # a star that comes with the drawer itself was never in danger
    tab.locator("[data-testid=stFeedback] button").nth(1).click(timeout=SLOW)
    tab.keyboard.press("Escape")
    closed(tab)
    tiles.nth(5).filter(has_text="★★").wait_for(timeout=SLOW)


def test_a_note_is_kept_though_the_drawer_closes_in_that_moment(tab, stocked):
    tiles = looked(tab, stocked)
    tiles.nth(6).click()
    tab.get_by_label("Note").fill("warm light")
    tab.get_by_role("dialog").get_by_role("button", name="Close").click()
    closed(tab)
    tiles.nth(6).click()
    tab.get_by_label("Note").and_(tab.locator("[value='warm light']")).wait_for(timeout=SLOW)


def test_two_chosen_pictures_open_from_the_address(tab, stocked):
    tiles = looked(tab, stocked)
    tab.locator(".st-key-choosing label").click()
    tab.get_by_text("Click pictures to choose them.").wait_for(timeout=SLOW)
    tiles.nth(0).click()
    tab.get_by_text("Choose a second one").wait_for(timeout=SLOW)
    tiles.nth(1).click()
    tab.get_by_text("1 thing differs: seed.").wait_for(timeout=SLOW)
    looked(tab, stocked, tab.url.partition("view=Library")[2])
    tab.get_by_text("1 thing differs: seed.").wait_for(timeout=SLOW)


DROP = """([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const moved = new DataTransfer();
  moved.items.add(new File([bytes], "fox.png", {type: "image/png"}));
  const how = {dataTransfer: moved, bubbles: true, cancelable: true};
  document.body.dispatchEvent(new DragEvent(kind, how));
}"""


def test_a_picture_dropped_anywhere_is_read(tab, stocked):
    looked(tab, stocked)
    data = base64.b64encode(png(text="a heron\nSteps: 33, Sampler: Euler, Seed: 4")).decode()
    tab.evaluate(DROP, ["dragover", data])
    tab.get_by_text("Drop it to read its settings").wait_for(timeout=SLOW)
    tab.evaluate(DROP, ["drop", data])
    tab.get_by_role("button", name="Use these settings").click(timeout=SLOW)
    tab.wait_for_url("**steps=33**", timeout=SLOW)


def test_a_dropped_file_that_is_too_large_is_said(tab, stocked):
    looked(tab, stocked)
    tab.evaluate(DROP.replace("[bytes]", "[new Uint8Array(51e6)]"), ["drop", ""])
    tab.get_by_text("A file of more than 50 MB is not read here.").wait_for(timeout=SLOW)


def test_what_the_filter_chooses_stands_in_the_address(tab, stocked):
    tab.context.add_cookies([{"name": "sdplay_owner", "value": OWNER, "url": stocked}])
    opened(
        tab, stocked
    )  # its newest picture must have come: one that is called off in the middle is a complaint
    tab.wait_for_function(
        "() => document.querySelector('[data-testid=stImage] img')?.complete", timeout=SLOW
    )
    tab.get_by_role("tab", name="Library").click()
    tab.locator(".st-key-filter button").first.click(timeout=SLOW)
    tab.locator(".st-key-filter_value button").first.click(timeout=SLOW)
    tab.wait_for_url("**find=scheduler*", timeout=SLOW)


def drawer(tab, url, query=""):
    """The drawer of the newest picture: a robot, 20 steps, seed 129."""
    tiles = looked(tab, url, query)
    tiles.first.click()
    tab.locator(".st-key-use").wait_for(timeout=SLOW)
    tab.locator("[data-test-script-state=notRunning]").wait_for(
        timeout=SLOW
    )  # a menu shuts when more is drawn
    return tab.get_by_role("dialog").first


def test_the_large_picture_is_the_kept_file_and_stands_in_the_page_itself(tab, stocked):
    large = drawer(tab, stocked).locator("[data-testid=stImage] img")
    with urlopen(large.get_attribute("src")) as data:
        assert metadata.read(data.read()).settings["seed"] == 129


def more(tab, url, query=""):
    drawer(tab, url, query).get_by_role("button", name="More").click()


@pytest.mark.parametrize(
    ("key", "steps", "seed"),
    [("use", 20, 129), ("use_remix", 20, 3), ("use_prompt", 7, 3), ("use_compare", 20, 129)],
)
def test_what_a_picture_brings_wins_over_the_address(tab, stocked, key, steps, seed):
    more(tab, stocked, "&prompt=a+cat&steps=7&seed=3")
    tab.locator(f".st-key-{key} button").dispatch_event("click")
    tab.locator(".st-key-use").wait_for(state="detached", timeout=SLOW)
    tab.get_by_role("tab", name="Compare").click()
    tab.wait_for_url("**prompt=a+robot**", timeout=SLOW)
    assert at_last(
        tab.locator(".st-key-steps [data-testid=stSliderThumbValue]").inner_text, str(steps)
    ) == str(steps)
    assert at_last(tab.locator(".st-key-seed input").input_value, str(seed)) == str(seed)


def test_a_picture_becomes_the_start_image(tab, stocked):
    more(tab, stocked)
    tab.locator(".st-key-start_details button").first.click()
    tab.get_by_text("It is the start image now.").wait_for(timeout=SLOW)
    tab.get_by_role("dialog").get_by_role("button", name="Close").first.click()
    tab.locator("[data-testid=stSidebar] img[alt='Start image']").wait_for(
        state="attached", timeout=SLOW
    )


@pytest.mark.parametrize(
    ("menu", "told"), [("Link", "?picture="), ("More", "Steps: 20, Sampler: ")]
)
def test_the_link_and_the_infotext_are_copied_at_a_click(tab, stocked, menu, told):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    drawer(tab, stocked).get_by_role("button", name=menu).click()
    code = tab.locator("[data-testid=stCode]").filter(has_text=told)
    copy = code.get_by_role("button").first
    # Its button is there while the pointer is on it; the menu may still move away below it.
    assert at_last(lambda: (code.hover(), copy.is_visible())[1], True)
    copy.click()
    assert at_last(lambda: told in tab.evaluate("navigator.clipboard.readText()"), True)


def test_the_original_is_downloaded_with_its_settings(tab, stocked):
    opened = drawer(tab, stocked)
    with tab.expect_download() as download:
        opened.locator(".st-key-png_details button").first.click()
    assert metadata.read(Path(download.value.path()).read_bytes()).settings["seed"] == 129


def test_a_deleted_picture_leaves_the_list_and_comes_back(tab, stocked):
    drawer(tab, stocked).locator(".st-key-delete button").first.click()
    tab.locator(".st-key-delete_yes button").click()
    tab.get_by_text("129 pictures ·").wait_for(timeout=SLOW)
    tab.locator(".st-key-undo button").click()
    tab.get_by_text("130 pictures ·").wait_for(timeout=SLOW)


def test_all_that_differ_in_one_thing_are_a_click_and_a_link_away(tab, stocked):
    drawer(tab, stocked).locator(".st-key-near_all button").click()
    tab.get_by_text("69 pictures ·").wait_for(timeout=SLOW)
    tab.wait_for_url("**find=near**", timeout=SLOW)
    looked(tab, stocked, tab.url.partition("view=Library")[2])
    tab.get_by_text("69 pictures ·").wait_for(timeout=SLOW)


def test_the_drawer_fits_a_phone(tab, stocked):
    tab.set_viewport_size({"width": 390, "height": 844})
    drawer(tab, stocked)
    rows = [
        tab.locator(f".st-key-{name}").bounding_box()["height"] for name in ("actions", "marks")
    ]
    assert max(rows) < 60


def test_what_is_made_meanwhile_appears_by_itself(tab, address):
    made(tab, address, 105)
    other = tab.context.new_page()
    generated(opened(other, f"{address}?steps=2&seed=106"))
    tab.get_by_text("2 pictures ·").first.wait_for(timeout=SLOW)


@pytest.fixture
def single(browser, tmp_path):
    """A page whose owner has one picture, and its library."""
    with closing(Library(tmp_path)) as library:
        library.save(finished(seed=1), OWNER)
        process, url = served(tmp_path)
        yield url, library
        process.terminate()
        process.wait(10)


def test_a_picture_that_is_written_after_a_newer_one_appears_by_itself(single, tab):
    url, library = single
    looked(tab, url)
    record, _ = library.index.page(Query(), OWNER, None, 1)[0]
    library.index.add({**record, "id": "late", "made": record["made"] - 1})
    tab.get_by_text("2 pictures ·").first.wait_for(timeout=SLOW)


@pytest.fixture
def interleaved(browser, tmp_path):
    """A page whose owner made two foxes before 40 robots, and two after them."""
    with closing(Library(tmp_path)) as library:
        for seed in range(44):
            fox = seed not in range(2, 42)
            library.save(finished(prompt="a fox" if fox else "a robot", seed=seed), OWNER)
    process, url = served(tmp_path)
    yield url
    process.terminate()
    process.wait()


def test_a_group_that_says_four_shows_four_without_scrolling(interleaved, tab):
    tiles = looked(tab, interleaved)
    foxes = tab.locator(".gallery section").filter(has_text="a fox")
    foxes.locator("p").filter(has_text="4 pictures").wait_for()
    assert at_last(foxes.locator(".tiles button").count, 4) == 4
    tab.locator(".end").scroll_into_view_if_needed()
    tab.locator(".end").wait_for(state="hidden")
    names = tiles.evaluate_all("all => all.map(each => each.ariaLabel)")
    assert len(set(names)) == 44


def test_more_pictures_come_before_the_end_is_in_sight(stocked, tab):
    tiles = looked(tab, stocked)
    tiles.nth(31).wait_for()
    tab.locator("[data-testid=stMain]").evaluate("main => main.scrollBy(0, 700)")
    unseen = "end => end.hidden || end.getBoundingClientRect().top > innerHeight"
    assert tab.locator(".end").evaluate(unseen)
    assert at_last(lambda: tiles.count() > 32, True)


def test_in_a_search_a_group_says_how_many_of_it_fit(stocked, tab):
    looked(tab, stocked, "&find=seed=3..5")
    told = tab.locator(".gallery section p").first
    told.filter(has_text="3 of 60 pictures").wait_for()


@pytest.mark.parametrize("phone", [False, True])
def test_a_picture_is_opened_and_starred_by_keys_alone_and_by_touch(single, browser, phone):
    url, _ = single
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(viewport=size, has_touch=phone, is_mobile=phone)
    context.set_default_timeout(SLOW)
    tiles = looked(context.new_page(), url)
    tab = tiles.page
    tiles.first.tap() if phone else tiles.first.press("Enter")
    tab.locator(".st-key-use").wait_for()
    tab.locator("[data-test-script-state=notRunning]").wait_for()
    star = tab.locator("[data-testid=stFeedback] button").nth(2)
    star.tap() if phone else star.press("Enter")
    close = tab.get_by_role("dialog").get_by_role("button", name="Close")
    close.tap() if phone else tab.keyboard.press("Escape")
    closed(tab)
    tiles.first.filter(has_text="★★★").wait_for()
    context.close()


def test_a_click_opens_the_drawer_and_brings_the_settings_back(tab, address):
    made(tab, address, 101, 102)
    tab.locator(".gallery .tiles button").last.click()
    tab.get_by_role("button", name="Use these settings").click(timeout=SLOW)
    tab.wait_for_url("**seed=101**", timeout=SLOW)
    seed = "document.querySelector('.st-key-seed input').value"
    tab.wait_for_function(f"() => {seed} === '101'", timeout=SLOW)


def test_a_star_and_the_search_find_a_picture_again(tab, address):
    made(tab, address, 103, 104)
    tab.locator(".gallery .tiles button").first.click()
    tab.locator("[data-testid=stFeedback] button").nth(3).click(timeout=SLOW)
    tab.keyboard.press("Escape")
    tab.get_by_label("Search", exact=True).fill("stars>=4")
    tab.get_by_label("Search", exact=True).press("Enter")
    tab.get_by_text("1 picture ·").wait_for(timeout=SLOW)


@pytest.fixture
def failed(browser, tmp_path):
    """A library whose owner has two pictures, a request that failed beside them, and one alone."""
    library = Library(tmp_path)
    for seed in (1, 2):
        library.save(finished(prompt="a fox", seed=seed), OWNER)
    for prompt in ("a fox", "a lonely hill"):
        library.failures.add(
            OWNER, "builtin", Params(prompt=prompt, steps=2, width=128), "No luck."
        )
    library.close()
    process, url = served(tmp_path)
    yield url
    process.terminate()
    process.wait()


def test_a_failed_request_stands_in_its_group_and_can_be_asked_again_or_forgotten(failed, tab):
    tab.context.add_cookies([{"name": "sdplay_owner", "value": OWNER, "url": failed}])
    tab.goto(f"{failed}?view=Library")
    traces = tab.locator(".gallery .failed")
    traces.nth(1).wait_for(timeout=SLOW)
    assert at_last(tab.locator(".gallery section:has(.tiles) .failed").count, 1) == 1
    assert "Failed: No luck." in traces.first.inner_text()
    traces.filter(has_text="a fox").get_by_role("button", name="Forget it").press("Enter")
    traces.nth(1).wait_for(state="detached", timeout=SLOW)
    traces.get_by_role("button", name="Try again").click()
    tab.locator(".st-key-prompt textarea").wait_for(timeout=SLOW)
    prompt = tab.get_by_label("Prompt", exact=True)
    assert at_last(prompt.input_value, "a lonely hill") == "a lonely hill"
