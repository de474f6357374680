"""What every browser test shares: one server, one Chromium, and a fresh profile that counts
complaints."""

import pytest

from tests.serving import CHROMIUM, FLAGS, SLOW, served


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory):
    process, url = served(tmp_path_factory.mktemp("home"))
    yield url
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need playwright: pip install '.[dev]'"
    )
    if not CHROMIUM:
        pytest.skip("the browser tests need Chromium, Debian's package chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser):
    """A fresh browser profile; what failed to load or complained is an error at the end."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(SLOW)
    page = context.new_page()
    trouble = []
    page.on(
        "requestfailed",
        lambda asked: trouble.append(asked.url) if asked.failure != "net::ERR_ABORTED" else None,
    )
    page.on(
        "console", lambda message: trouble.append(message.text) if message.type == "error" else None
    )
    yield page
    context.close()
    assert trouble == []
