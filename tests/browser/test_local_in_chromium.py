"""The local process in a real browser: started from the page, killed with a picture in the making,
back again."""

import re
import signal

import psutil
import pytest

from tests.local_process import free_port, tiny_models
from tests.serving import SLOW, generated, opened, served

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    local = f"http://127.0.0.1:{free_port()}"
    process, url = served(tmp_path_factory.mktemp("home"), SDPLAY_LOCAL_URL=local)
    yield process, f"{url}?backend=local&width=64&height=64"
    process.kill()
    process.wait(10)


def child(server):
    return next(
        each
        for each in psutil.Process(server.pid).children()
        if "--end-with-input" in each.cmdline()
    )


def test_it_is_started_from_the_page_and_comes_back_after_a_crash(tab, server):
    process, url = server
    opened(tab, url)
    tab.locator(".st-key-local_start button").click(timeout=SLOW)
    tab.locator(".st-key-local_menu button").wait_for(timeout=SLOW)
    tab.goto(f"{url}&steps=150")
    tab.locator(".st-key-go button").click(timeout=SLOW)
    tab.get_by_text(re.compile("Step [0-9]+ of 150")).wait_for(timeout=SLOW)
    child(process).send_signal(signal.SIGKILL)
    tab.get_by_text("It was started anew. Make the picture again.").wait_for(timeout=SLOW)
    tab.goto(f"{url}&steps=3")
    generated(tab)


def test_it_is_stopped_and_started_with_a_model_that_is_typed(tab, server):
    process, url = server
    opened(tab, url)
    running = child(process)
    tab.locator(".st-key-local_menu button").click(timeout=SLOW)
    tab.locator(".st-key-local_stop button").click(timeout=SLOW)
    tab.locator(".st-key-local_model input").fill(str(tiny_models() / "alpha"))
    assert not running.is_running()
    tab.keyboard.press("Enter")
    tab.locator(".st-key-local_start button").click()
    tab.get_by_text(re.compile(r"alpha \[\w+\] on cpu")).wait_for(timeout=SLOW)
