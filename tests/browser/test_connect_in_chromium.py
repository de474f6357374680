"""A visitor connects a server of their own, by mouse and by keys; what is on the machine is
offered."""

import re
from pathlib import Path

import pytest

from tests.fakes import a1111
from tests.serving import SLOW, generated, opened, served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
KEY = "me:s3cret-k3y-of-mine"


@pytest.fixture
def page(browser, tmp_path):
    """A page whose settings name a server that runs on this machine."""
    with a1111() as near:
        process, url = served(tmp_path, SDPLAY_A1111_URL=near.url)
        yield url
        process.terminate()
        process.wait()


@pytest.fixture
def server():
    with a1111(auth=KEY) as fake:
        yield fake


def connect(tab, url, key):
    tab.get_by_role("button", name="Connect a server").click()
    tab.locator(".st-key-connect_url input").fill(url)
    tab.locator(".st-key-connect_key input").fill(key)
    tab.keyboard.press("Enter")


def test_a_connected_server_makes_pictures_and_is_nowhere_written_down(
    page, tab, browser, server, tmp_path
):
    opened(tab, page)
    connect(tab, server.url, "me:wrong")
    tab.get_by_text("check the key").wait_for()
    tab.locator(".st-key-connect_key input").fill(KEY)
    tab.get_by_role("button", name="Test").click()
    tab.get_by_text("It offers").wait_for()
    tab.get_by_role("button", name="Use this server").click()
    tab.get_by_role("button", name="Disconnect").wait_for()
    generated(tab)
    host = server.url.removeprefix("http://")
    for secret in (host, KEY.partition(":")[2]):
        assert secret not in tab.url
        files = [path for path in Path(tmp_path).rglob("*") if path.is_file()]
        assert not any(secret.encode() in path.read_bytes() for path in files)
    tab.reload()
    tab.get_by_role("button", name="Disconnect").wait_for()
    tab.wait_for_url("**Your+A1111+server**")
    stranger = browser.new_context().new_page()
    stranger.goto(tab.url)
    stranger.get_by_text("a server that somebody connected for one visit").wait_for(timeout=SLOW)
    stranger.context.close()


def test_it_is_reached_by_keys_alone_and_left_again(page, tab, server):
    opened(tab, page)
    tab.get_by_role("button", name="Connect a server").focus()
    tab.keyboard.press("Enter")
    tab.locator(".st-key-connect_url input").focus()
    tab.keyboard.type(server.url)
    tab.keyboard.press("Tab")
    tab.locator(".st-key-connect_key input").focus()
    tab.keyboard.type(KEY)
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Use this server").focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Disconnect").focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Disconnect").wait_for(state="detached")
    tab.locator(".st-key-connect_box").wait_for()
    tab.wait_for_url(lambda url: "Your" not in url)
    tab.locator("[data-test-script-state=notRunning]").wait_for()
    assert tab.get_by_text("somebody connected for one visit").count() == 0


def test_a_server_on_this_machine_is_offered_by_itself(page, tab):
    opened(tab, page)
    tab.get_by_role("button", name=re.compile("Use A1111 server at 127")).click()
    tab.get_by_text(re.compile("Automatic1111 at http://127")).wait_for()
    generated(tab)


def test_on_a_phone_it_is_connected_by_touch(page, browser, server):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    context.set_default_timeout(SLOW)
    phone = opened(context.new_page(), page)
    phone.get_by_test_id("stExpandSidebarButton").tap()
    phone.get_by_role("button", name="Connect a server").tap()
    phone.locator(".st-key-connect_url input").fill(server.url)
    phone.locator(".st-key-connect_key input").fill(KEY)
    phone.get_by_role("button", name="Test").tap()
    phone.get_by_role("button", name="Use this server").tap()
    phone.get_by_role("button", name="Disconnect").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
