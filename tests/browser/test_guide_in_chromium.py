"""A drawing that steers a picture through ControlNet, in a real browser."""

import base64
import io

import pytest
from PIL import Image

from tests.fakes import a1111
from tests.serving import at_last, served
from tests.sketching import dark, result, sketch, stroke

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ACROSS = ((0.2, 0.5), (0.8, 0.5))


def page_with(tmp_path_factory, *extras):
    """A page and its A1111 server with these extensions."""
    with a1111(extras=extras) as fake:
        process, fake.page = served(tmp_path_factory.mktemp("guide"), SDPLAY_A1111_URL=fake.url)
        yield fake
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    yield from page_with(tmp_path_factory, "controlnet", "openapi")


@pytest.fixture(scope="module")
def unguided(tmp_path_factory):
    yield from page_with(tmp_path_factory, "openapi")


def unit_of(body):
    (unit,) = body["alwayson_scripts"]["controlnet"]["args"]
    return unit


def test_the_drawing_is_sent_as_the_guide_and_not_as_the_start(tab, guided):
    sketch(tab, guided.page, "backend=a1111&steps=2&width=128&height=128&sketch_as=Guide")
    stroke(tab, *ACROSS)
    tab.get_by_text("Show what the model gets").click()
    tab.get_by_alt_text("The drawing after none").wait_for()
    tab.get_by_role("button", name="Generate from sketch").click()
    assert result(tab).size == (128, 128)
    tab.get_by_text("Up to date").wait_for()
    body = guided.requests()[-1]
    unit = unit_of(body)
    assert (unit["model"], unit["module"], unit["weight"]) == ("canny [abc]", "none", 1.0)
    assert "init_images" not in body
    with Image.open(io.BytesIO(base64.b64decode(unit["image"]))) as sent:
        assert dark(sent.convert("RGB"), 0.5, 0.5)


def test_a_changed_weight_asks_again_while_live(tab, guided):
    sketch(tab, guided.page, "backend=a1111&steps=2&sketch_as=Guide&live=true")
    stroke(tab, *ACROSS)
    tab.get_by_text("Up to date").wait_for()
    tab.get_by_role("slider", name="Weight").focus()
    tab.keyboard.press("Home")
    assert at_last(lambda: unit_of(guided.requests()[-1])["weight"], 0.0) == 0.0
    tab.get_by_text("Up to date").wait_for()


def test_the_settings_of_a_guide_outlast_another_use_of_the_canvas_and_a_reload(tab, guided):
    sketch(tab, guided.page, "backend=a1111&steps=2&sketch_as=Guide")
    weight = tab.get_by_role("slider", name="Weight")
    weight.focus()
    tab.keyboard.press("End")
    assert at_last(lambda: "guide_weight=2" in tab.evaluate("location.href"), True)
    tab.get_by_role("radio", name="Draw").click()
    weight.wait_for(state="detached")
    tab.get_by_role("radio", name="Guide").click()
    weight.wait_for()
    assert at_last(weight.input_value, "2") == "2"
    tab.reload()
    assert at_last(weight.input_value, "2") == "2"


def test_the_request_is_seen_before_it_goes(tab, guided):
    sketch(tab, guided.page, "backend=a1111&steps=2&width=128&height=128&sketch_as=Guide")
    stroke(tab, *ACROSS)
    tab.locator(".st-key-sketch_request button").first.click()
    area = tab.get_by_role("dialog").locator("textarea")
    area.wait_for()
    assert at_last(lambda: "controlnet" in area.input_value(), True)
    docs = tab.get_by_role("dialog").get_by_role("link", name="API pages")
    assert docs.get_attribute("href") == f"{guided.url}/docs"


def test_a_server_without_controlnet_says_what_to_install(tab, unguided):
    sketch(tab, unguided.page, "backend=a1111&steps=2&sketch_as=Guide")
    tab.get_by_text("sd-webui-controlnet").last.wait_for()
    docs = tab.get_by_role("link", name="API pages").last
    assert docs.get_attribute("href") == f"{unguided.url}/docs"
    assert tab.locator(".st-key-sketch_go button").is_disabled()
