"""A kept picture enlarged and cut out from its drawer, by a real local process."""

import pytest

from tests.local_process import shared
from tests.serving import SLOW, generated, opened, served

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    process, url = served(home, SDPLAY_BACKEND="local", SDPLAY_LOCAL_URL=shared().url)
    yield url
    process.terminate()
    process.wait()


def test_the_drawer_enlarges_and_cuts_out_and_leads_back(tab, address):
    generated(opened(tab, f"{address}?steps=2&seed=7"))
    tab.get_by_role("tab", name="Library").click()
    tab.locator(".tiles button").first.click(timeout=SLOW)
    tab.get_by_text("Enlarge or cut out").click(timeout=SLOW)
    made = tab.get_by_role("dialog").locator(".tiles button")
    tab.locator(".st-key-upscale button").click(timeout=SLOW)
    made.first.wait_for(timeout=SLOW)
    tab.locator(".st-key-cut_out button").first.click()
    made.nth(1).wait_for(timeout=SLOW)
    made.first.click()
    tab.get_by_text("Cut out by tiny-sam").wait_for(timeout=SLOW)
    made.first.wait_for(timeout=SLOW)
    made.nth(1).wait_for(state="detached", timeout=SLOW)
