"""Enlarging on the page: from a picture's drawer through the queue, or every new one by itself."""

import pytest

from sdplay.ui import session
from tests.fakes import a1111
from tests.local_process import until
from tests.paging import settled


@pytest.fixture
def server(monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        yield fake


@pytest.fixture
def begun(page, server):
    page.query_params.update(backend="a1111", prompt="a fox", steps="2")
    assert not page.run().exception
    return page


def pictures(page):
    return session.jobs().library.recent(page.session_state["owner"])


def there(page, count):
    """The library's pictures, once there are so many."""
    until(lambda: len(pictures(page)) == count)
    return pictures(page)


def test_a_picture_is_enlarged_from_its_drawer_and_its_faces_repaired(begun, server):
    settled(begun.button(key="go").click().run())
    (saved,) = there(begun, 1)
    begun.query_params["picture"] = saved.id
    assert not begun.run().exception
    begun.selectbox(key="upscale_faces").set_value("GFPGAN")
    begun.button(key="upscale").click().run()
    assert not begun.exception
    large = next(picture for picture in there(begun, 2) if picture.id != saved.id)
    assert (large.made_from, large.width) == (saved.file, 2 * saved.width)
    assert server.asked[-1].json()["gfpgan_visibility"] == 1.0


def test_an_enlargement_can_be_cancelled(begun, server):
    settled(begun.button(key="go").click().run())
    (saved,) = there(begun, 1)
    server.extras_seconds = 30
    begun.query_params["picture"] = saved.id
    begun.run()
    begun.button(key="upscale").click().run()
    begun.button(key="enlarge_cancel").click().run()
    until(lambda: server.interrupts)
    assert (server.interrupts, len(pictures(begun))) == (1, 1)


def test_every_new_picture_is_enlarged_where_that_is_switched_on(begun):
    begun.selectbox(key="then_by").set_value(3.0)
    begun.toggle(key="then_on").set_value(True).run()
    settled(begun.button(key="go").click().run())
    widths = sorted(picture.width for picture in there(begun, 2))
    assert widths[1] == 3 * widths[0]
